//! By which a file, or what tells one machine from another, is recognised without its contents.

use proto::Observation;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// By which a file is recognised.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FileDigest {
    /// In bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// What a machine is known by, at one of [`proto::IDENTIFIERS`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Identity {
    /// Its path.
    pub path: String,
    /// As the probe makes it, see [`proto::Identifier`].
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
    /// Of what is to be read there; there is none where that is empty.
    pub fn of(path: &str, contents: Observation<Vec<u8>>) -> Self {
        let sha256 = contents.and_then(|bytes| digest(&bytes).map_or(Observation::Absent, Observation::Seen));
        Self { path: path.to_owned(), sha256 }
    }
}

/// Without white space around it and with ASCII letters in lower case; `None` where nothing is left.
pub fn digest(text: &[u8]) -> Option<[u8; 32]> {
    let text = text.trim_ascii().to_ascii_lowercase();
    (!text.is_empty()).then(|| Sha256::digest(text).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_the_same_however_it_is_written_and_white_space_is_none() {
        assert_eq!(digest(b"0AF1\n"), digest(b" 0af1"));
        assert_ne!(digest(b"0af1"), digest(b"0af2"));
        assert_eq!(digest(b" \n"), None);
        let empty = Identity::of("/etc/machine-id", Observation::Seen(b"\n".to_vec()));
        assert_eq!(empty.sha256, Observation::Absent);
    }
}
