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

/// Returns the SHA-256 at the end of an image's id or name; `None` if it has none.
pub(crate) fn of_image(id: &str) -> Option<&str> {
    let (_, digits) = id.rsplit_once("sha256:")?;
    (digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_an_image_is_at_the_end_of_its_id() {
        let digits = "0a".repeat(32);
        for id in [format!("sha256:{digits}"), format!("registry.example/probe@sha256:{digits}")] {
            assert_eq!(of_image(&id), Some(digits.as_str()));
        }
        for id in ["", "registry.example/probe:1", "sha256:0a"] {
            assert_eq!(of_image(id), None, "{id}");
        }
    }
}
