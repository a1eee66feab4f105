//! Digests of bytes in their usual written form.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Returns the SHA-256 digest in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Returns two hexadecimal digits for each byte.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a string does not fail.
        _ = write!(digits, "{byte:02x}");
        digits
    })
}
