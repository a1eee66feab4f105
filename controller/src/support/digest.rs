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

/// Returns the SHA-256 of an image's id or name, in hexadecimal digits; `None` if it has none. A container runtime tells the digest
/// alone or after the image's name, with or without its algorithm and a scheme of its own. A tag is no digest.
pub(crate) fn of_image(id: &str) -> Option<&str> {
    let (_, image) = id.split_once("://").unwrap_or(("", id));
    let (_, digest) = image.rsplit_once('@').unwrap_or(("", image));
    let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
    (digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some(digits)
}

/// Returns true if an image's id tells one of these digests.
pub(crate) fn is_one_of(id: &str, digests: &[String]) -> bool {
    of_image(id).is_some_and(|digits| digests.iter().any(|known| of_image(known) == Some(digits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits() -> String {
        "0a".repeat(32)
    }

    #[test]
    fn an_id_tells_its_digest_in_every_form() {
        for before in [
            "",
            "sha256:",
            "registry.example:5000/probe@sha256:",
            "docker-pullable://probe@sha256:",
            "docker://sha256:",
        ] {
            assert_eq!(of_image(&format!("{before}{}", digits())), Some(digits().as_str()), "{before}");
        }
    }

    #[test]
    fn a_text_that_merely_ends_like_a_digest_is_none() {
        for before in ["registry.example/probe:", "registry.example/sha256:", "ab", "sha256:ab", "sha512:"] {
            assert_eq!(of_image(&format!("{before}{}", digits())), None, "{before}");
        }
        for id in ["", "registry.example/probe:1", "sha256:0a"] {
            assert_eq!(of_image(id), None, "{id}");
        }
    }

    #[test]
    fn an_image_is_known_by_the_same_digest_alone() {
        let known = [format!("sha256:{}", "0b".repeat(32)), format!("sha256:{}", digits())];
        assert!(is_one_of(&digits(), &known));
        assert!(!is_one_of(&digits(), &known[..1]));
        assert!(!is_one_of("", &[String::new()]));
    }
}
