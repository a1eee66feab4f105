//! By which a file, or what tells one machine from another, is recognised without its contents.

use proto::{Observation, identifier_digest};
use sha2::{Digest, Sha256};

/// By which a file is recognised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FileDigest {
    /// In bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// What a machine is known by, at one of [`proto::IDENTIFIERS`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// Its path.
    pub path: String,
    /// See [`identifier_digest`]; absent where nothing there identifies it.
    pub sha256: Observation<[u8; 32]>,
}

// === impl FileDigest ===

impl FileDigest {
    /// Of a file's contents.
    pub fn of(bytes: &[u8]) -> Self {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self { size, sha256: Sha256::digest(bytes).into() }
    }
}

// === impl Identity ===

impl Identity {
    /// Of what is to be read there; there is none where that identifies nothing.
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
    fn what_identifies_nothing_is_none() {
        let of = |text: &[u8]| Identity::of("/etc/machine-id", Observation::Seen(text.to_vec())).sha256;
        assert_eq!(of(b"\n"), Observation::Absent);
        assert_eq!(of(b"localhost\n"), Observation::Absent);
        assert_eq!(of(b"0af1\n").seen().copied(), identifier_digest(b"0af1"));
    }
}
