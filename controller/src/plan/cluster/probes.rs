//! The probes that a run has, by architecture.

use std::collections::BTreeMap;

use super::first;
use crate::case::Architecture;

/// The architectures for which a run's image has a probe.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Probes {
    /// The digests that the image may have on a node, by the node's architecture.
    digests: BTreeMap<Architecture, Vec<String>>,
    maker: Maker,
}

/// The maker of a run's image.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Maker {
    /// This controller, with the probes that it contains.
    #[default]
    Controller,
    /// Somebody else, whose digests the user names.
    Other,
}

impl Probes {
    /// Returns probes with the digests that their image may have. Without any, the probe of the controller's own architecture is
    /// assumed, and no digest is known.
    pub fn of(mut digests: BTreeMap<Architecture, Vec<String>>, maker: Maker) -> Self {
        if digests.is_empty() {
            digests.insert(Architecture::OWN, Vec::new());
        }
        Self { digests, maker }
    }

    /// Returns the digests that the image may have on a node, by Go's name of the node's architecture. If the architecture is not
    /// known, the digests are those of every architecture.
    pub fn digests(&self, architecture_of_node: Option<&str>) -> Vec<String> {
        let of_node =
            |architecture: &Architecture| architecture_of_node.is_none_or(|name| architecture.name() == name);
        let digests = self.digests.iter().filter(|(architecture, _)| of_node(architecture));
        digests.flat_map(|(_, digests)| digests).cloned().collect()
    }

    /// Returns why nodes of an architecture get no probe; `None` if they do.
    pub(super) fn missing(&self, architecture: &str, nodes: &[&str]) -> Option<String> {
        let known = Architecture::named(architecture);
        if known.is_some_and(|it| self.digests.contains_key(&it)) {
            return None;
        }
        let nodes = match nodes {
            [node] => format!("node {node}"),
            nodes => format!("the nodes {}", first(nodes.iter().map(|&node| node.to_owned()))),
        };
        Some(match (known, self.maker) {
            (None, _) if architecture.is_empty() => format!("the architecture of {nodes} is not known"),
            (None, _) => format!("there is no probe for {architecture}, the architecture of {nodes}"),
            (Some(_), Maker::Controller) => format!(
                "this controller has no probe for {architecture}, the architecture of {nodes}: use a controller of `make dist`, \
                 which has the probes of all architectures, and push its image"
            ),
            (Some(_), Maker::Other) => format!(
                "no image was named for {architecture}, the architecture of {nodes}: add \
                 `--image-digest {architecture}=SHA256`"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes(maker: Maker) -> Probes {
        Probes::of(BTreeMap::from([(Architecture::X86, vec!["sha256:1".to_owned()])]), maker)
    }

    #[test]
    fn a_missing_probe_is_named_with_its_nodes_and_the_remedy() {
        let nodes = ["a", "b", "c", "d", "e"];
        let told = probes(Maker::Controller).missing("arm64", &nodes).unwrap();
        let said = "no probe for arm64, the architecture of the nodes a, b, c, d, and 1 more: use a controller of `make dist`";
        assert!(told.contains(said), "{told}");
        assert_eq!(probes(Maker::Controller).missing("amd64", &nodes), None);
    }

    #[test]
    fn the_missing_digest_of_anothers_image_is_asked_for() {
        let told = probes(Maker::Other).missing("arm64", &["a"]).unwrap();
        assert!(told.contains("of node a: add `--image-digest arm64=SHA256`"), "{told}");
    }

    #[test]
    fn no_controller_has_a_probe_for_an_unknown_architecture() {
        let told = probes(Maker::Controller).missing("s390x", &["z"]).unwrap();
        assert_eq!(told, "there is no probe for s390x, the architecture of node z");
        let told = probes(Maker::Controller).missing("", &["virtual"]).unwrap();
        assert_eq!(told, "the architecture of node virtual is not known");
    }

    #[test]
    fn a_node_knows_the_digests_of_its_own_architecture_alone() {
        let digests = [(Architecture::X86, "sha256:1"), (Architecture::Arm, "sha256:2")];
        let digests = digests.map(|(architecture, digest)| (architecture, vec![digest.to_owned()]));
        let probes = Probes::of(digests.into(), Maker::Other);
        assert_eq!(probes.digests(Some("arm64")), ["sha256:2"]);
        assert_eq!(probes.digests(Some("s390x")), [""; 0]);
        assert_eq!(probes.digests(None), ["sha256:1", "sha256:2"]);
    }
}
