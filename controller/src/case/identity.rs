//! Digests that identify a file or a machine without revealing its contents.

use proto::{Observation, identifier_digest};
use sha2::{Digest, Sha256};

/// A file's size and digest, which identify the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FileDigest {
    /// The size in bytes.
    pub size: u64,
    /// The SHA-256 digest of the contents.
    pub sha256: [u8; 32],
}

/// An identifier of a machine, from one of [`proto::IDENTIFIERS`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The path of the identifier.
    pub path: String,
    /// The digest of [`identifier_digest`]; absent if the content identifies no machine.
    pub sha256: Observation<[u8; 32]>,
}

// === impl FileDigest ===

impl FileDigest {
    /// Computes the digest of a file's contents.
    pub fn of(bytes: &[u8]) -> Self {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self { size, sha256: Sha256::digest(bytes).into() }
    }
}

// === impl Identity ===

impl Identity {
    /// Computes the digest of a path's contents; it is absent if they identify no machine.
    pub fn of(path: &str, contents: Observation<Vec<u8>>) -> Self {
        let sha256 = contents
            .and_then(|bytes| identifier_digest(&bytes).map_or(Observation::Absent, Observation::Seen));
        Self { path: path.to_owned(), sha256 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecific_identifier_is_absent() {
        let of = |text: &[u8]| Identity::of("/etc/machine-id", Observation::Seen(text.to_vec())).sha256;
        assert_eq!(of(b"\n"), Observation::Absent);
        assert_eq!(of(b"localhost\n"), Observation::Absent);
        assert_eq!(of(b"0af1\n").seen().copied(), identifier_digest(b"0af1"));
    }
}
