//! Digests as registries write them.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Returns the digest as `sha256:…`.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut digest, byte| {
        write!(digest, "{byte:02x}").unwrap();
        digest
    })
}
