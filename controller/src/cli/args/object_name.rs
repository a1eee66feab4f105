//! Names of objects in a cluster.

/// The most characters of a name.
const MOST: usize = 253;

/// Reads the name of an object of a kind, for a flag that may be repeated; `Err` has the kind and the example.
pub(in crate::cli) fn read(text: &str, kind: &str, example: &str) -> Result<String, String> {
    if is_possible(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("give the name of one {kind}, such as {example}; repeat the flag for another one"))
    }
}

/// Returns true if the cluster may have an object of this name (kubernetes.io, "Object Names and IDs", "DNS Subdomain Names").
fn is_possible(text: &str) -> bool {
    let is_inner = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    let is_part = |part: &str| {
        !part.is_empty() && !part.starts_with('-') && !part.ends_with('-') && part.chars().all(is_inner)
    };
    text.len() <= MOST && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_small_letters_digits_hyphens_and_points() {
        for name in ["gvisor", "registry-1.example", "0"] {
            assert!(is_possible(name), "{name}");
        }
        for name in ["", "UPPER", "-a", "a-", "a..b", "a b", "a,b", &"a".repeat(254)] {
            assert!(!is_possible(name), "{name}");
        }
    }
}
