//! Kinds of nodes, from the control plane's facts about them. Nodes of one pool may differ in these facts and then
//! answer differently: a probe on one node represents no node of another kind.

use std::{collections::BTreeSet, fmt};

use super::{Labels, Node, Taint};

/// The properties that define a kind of node.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct NodeKind {
    /// The architecture, as Go names it: "amd64", "arm64".
    pub architecture: String,
    /// The operating system's name for itself.
    pub os_image: String,
    /// The kernel's release.
    pub kernel: String,
    /// The container runtime and its version, as `containerd://2.4.2`.
    pub container_runtime: String,
    /// The runtime handlers of the container runtime; none if the kubelet does not report them.
    pub handlers: BTreeSet<String>,
    /// The labels by which pods choose their nodes, in a pool that no label names; none in another pool.
    pub labels: Labels,
    /// The lasting taints in a pool that no label names; none in another pool.
    pub taints: BTreeSet<Taint>,
}

impl NodeKind {
    /// Returns the kind of a node in a pool that a label names.
    pub fn of(node: &Node) -> Self {
        Self {
            architecture: node.architecture.clone(),
            os_image: node.os_image.clone(),
            kernel: node.kernel.clone(),
            container_runtime: node.container_runtime.clone(),
            handlers: node.handlers.iter().filter(|handler| !handler.is_empty()).cloned().collect(),
            labels: Labels::new(),
            taints: BTreeSet::new(),
        }
    }
}

impl fmt::Display for NodeKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { architecture, os_image, kernel, container_runtime, handlers, labels, taints } = self;
        let handlers = handlers.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let handlers = if handlers.is_empty() { handlers } else { format!("handlers {handlers}") };
        let kernel = if kernel.is_empty() { String::new() } else { format!("kernel {kernel}") };
        let parts = [architecture, os_image, &kernel, container_runtime, &handlers];
        let parts = parts.into_iter().filter(|part| !part.is_empty()).cloned();
        let labels = labels.iter().map(|(key, value)| format!("{key}={value}"));
        let taints = taints.iter().map(|taint| format!("taint {taint}"));
        formatter.write_str(&parts.chain(labels).chain(taints).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_named_by_its_known_properties() {
        let node = |handlers: [&str; 2]| Node {
            architecture: "amd64".into(),
            kernel: "6.12.0".into(),
            handlers: handlers.map(str::to_owned).to_vec(),
            ..Node::default()
        };
        assert_eq!(NodeKind::of(&node(["runsc", "runc"])), NodeKind::of(&node(["runc", "runsc"])));
        let kind = NodeKind::of(&node(["runsc", "runc"]));
        assert_eq!(kind.to_string(), "amd64, kernel 6.12.0, handlers runc runsc");
    }

    #[test]
    fn a_kind_is_named_by_its_labels_and_taints() {
        let taint =
            |value: &str| Taint { key: "team".into(), value: value.into(), effect: "NoSchedule".into() };
        let kind = NodeKind {
            labels: Labels::from([("pool".into(), "a".into())]),
            taints: [taint("red"), taint("")].into(),
            ..NodeKind::default()
        };
        assert_eq!(kind.to_string(), "pool=a, taint team:NoSchedule, taint team=red:NoSchedule");
    }
}
