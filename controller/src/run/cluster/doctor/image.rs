//! The digest of the probe's image, as far as it is known before a run. A run believes a pod only if the pod ran one of the images that
//! it knows, by the digest of the index, of the manifest or of the configuration (kubernetes.io, "Images", "Image names").

use std::collections::BTreeSet;

use super::{Check, Weight};
use crate::{plan::cluster::Probes, support::digest};

/// Returns the check of an image for nodes of these architectures, as Go names them. An architecture is `None` if it is not known. There is
/// no check of an image whose name has no digest: a node tells the digest once it has pulled the image. Without architectures, the
/// digests of all architectures count.
pub(super) fn check(image: &str, probes: &Probes, architectures: &BTreeSet<Option<&str>>) -> Option<Check> {
    let what = "the probe's image";
    let named = digest::of_image(image);
    let unknown = BTreeSet::from([None]);
    for architecture in if architectures.is_empty() { &unknown } else { architectures } {
        let known = probes.digests(*architecture);
        let (of_node, option) = match architecture {
            Some(name) => (format!(" for {name}"), format!("--image-digest {name}=SHA256")),
            None => (String::new(), "--image-digest SHA256".to_owned()),
        };
        if known.is_empty() {
            return Some(Check::trouble(
                what,
                Weight::Inconclusive,
                format!(
                    "no digest of it{of_node} is known, because this controller contains no probe{of_node}"
                ),
                format!("use a controller of `make dist`, or name the digest of your image by `{option}`"),
            ));
        }
        if named.is_some_and(|named| known.iter().all(|digest| !digest.ends_with(named))) {
            return Some(Check::trouble(
                what,
                Weight::Inconclusive,
                format!("the digest in the name {image} is none of those that the run accepts{of_node}"),
                format!(
                    "push the image of this controller by `controller image --push REF`, and give the name that the command prints; \
                     or name the digest of your own image by `{option}`"
                ),
            ));
        }
    }
    named.map(|_| Check::fine(what, "the run accepts the digest in its name"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{case::Architecture, plan::cluster::Maker, run::cluster::doctor::render};

    const BOTH: [Option<&str>; 2] = [Some("amd64"), Some("arm64")];

    fn digest(byte: &str) -> String {
        format!("sha256:{}", byte.repeat(32))
    }

    /// Returns the probes of two images with an index: each has the digests of its manifest, of its configuration and of the index.
    fn probes() -> Probes {
        let digests = |own: [&str; 3]| own.map(digest).to_vec();
        let x86 = (Architecture::X86, digests(["0a", "0b", "ff"]));
        let arm = (Architecture::Arm, digests(["1a", "1b", "ff"]));
        Probes::of([x86, arm].into(), Maker::Controller)
    }

    fn told(image: &str, probes: &Probes, architectures: &[Option<&str>]) -> String {
        let check = check(image, probes, &architectures.iter().copied().collect());
        render(&check.into_iter().collect::<Vec<_>>())
    }

    fn pinned(byte: &str, architectures: &[Option<&str>]) -> String {
        told(&format!("registry.example/probe:1@{}", digest(byte)), &probes(), architectures)
    }

    #[test]
    fn the_digest_of_an_index_is_accepted_on_every_node() {
        assert!(pinned("ff", &BOTH).starts_with("✔ the probe's image"));
    }

    #[test]
    fn the_digests_of_an_image_are_accepted_on_nodes_of_its_architecture() {
        for (byte, own, other) in
            [("0a", BOTH[0], "arm64"), ("0b", BOTH[0], "arm64"), ("1a", BOTH[1], "amd64")]
        {
            assert!(pinned(byte, &[own]).starts_with("✔"), "{byte}");
            assert!(pinned(byte, &[None]).starts_with("✔"), "{byte}");
            let told = pinned(byte, &BOTH);
            assert!(told.starts_with("? ") && told.contains(&format!("accepts for {other}")), "{told}");
        }
    }

    #[test]
    fn the_digest_of_another_image_is_told() {
        let told = pinned("77", &BOTH[..1]);
        assert!(told.starts_with("? the probe's image") && told.contains("--image-digest amd64="), "{told}");
    }

    #[test]
    fn a_controller_without_a_probe_knows_no_digest() {
        let none = Probes::of(BTreeMap::new(), Maker::Controller);
        let told = told("registry.example/probe:1", &none, &[]);
        assert!(told.starts_with("? ") && told.contains("no digest of it is known"), "{told}");
    }

    #[test]
    fn a_name_without_a_digest_is_not_checked() {
        assert_eq!(told("registry.example/probe:1", &probes(), &BOTH), "");
    }
}
