//! The kinds of a cluster's nodes. A label of a provider or of the user tells which nodes are set up together. Nodes without such a
//! label are one pool in name only: the labels by which pods choose their nodes, and the taints, tell their kinds.

use std::collections::BTreeSet;

use super::{Request, first};
use crate::case::cluster::{Cluster, Group, Node, NodeKind, Taint, node::is_named};

/// Labels for the place of a machine, which tell nothing of its setup (kubernetes.io, "Well-Known Labels, Annotations and Taints").
const OF_A_PLACE: &[&str] = &[
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/hostname",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// The properties that tell the kinds of nodes in a pool without a name.
pub(super) struct Kinds<'a> {
    /// The keys of the labels by which the namespace's pods choose their nodes.
    keys: BTreeSet<&'a str>,
    /// The key of the taint that a proof removes. It tells no kind.
    startup_taint: Option<&'a str>,
}

impl<'a> Kinds<'a> {
    pub(super) fn new(cluster: &'a Cluster, request: &'a Request) -> Self {
        let of_pods = cluster.pod_views.iter().flat_map(|pod_view| pod_view.placement.keys());
        let to_come = request.to_come.iter().map(|(class, _)| class);
        let classes = cluster.pod_views.iter().filter_map(|pod_view| pod_view.runtime_class.as_ref());
        let classes: BTreeSet<_> = classes.chain(to_come).collect();
        let classes = classes.into_iter().filter_map(|name| cluster.class(name));
        let of_classes = classes.flat_map(|class| class.node_selector.keys()).map(String::as_str);
        Self {
            keys: of_pods.chain(of_classes).filter(|key| tells_a_setup(key)).collect(),
            startup_taint: request.startup_taint.as_deref(),
        }
    }

    /// Returns the kind of a node.
    pub(super) fn of(&self, node: &Node) -> NodeKind {
        let kind = NodeKind::of(node);
        if is_named(&node.pool) {
            return kind;
        }
        let labels = self.keys.iter().filter_map(|key| node.labels.get_key_value(*key));
        let labels = labels.map(|(key, value)| (key.clone(), value.clone()));
        let is_lasting = |taint: &&Taint| {
            taint.repels() && !taint.is_for_now() && self.startup_taint != Some(taint.key.as_str())
        };
        let taints = node.taints.iter().filter(is_lasting).cloned();
        NodeKind { labels: labels.collect(), taints: taints.collect(), ..kind }
    }

    /// Returns true if nodes with different values of a label may be of one kind, although the label tells of their setup.
    pub(super) fn overlook(&self, key: &str) -> bool {
        tells_a_setup(key) && !self.keys.contains(key)
    }
}

/// Returns true for the key of a node label that may tell how the node is set up.
pub(crate) fn tells_a_setup(key: &str) -> bool {
    !OF_A_PLACE.contains(&key)
}

/// Says by which labels and taints the probed nodes of a pool without a name are of several kinds; `None` if they are of one.
pub fn divided(groups: &[Group]) -> Option<String> {
    let kinds =
        || groups.iter().filter(|group| !is_named(&group.pool)).filter_map(|group| group.kind.as_ref());
    let labels: BTreeSet<_> = kinds().flat_map(|kind| kind.labels.keys()).collect();
    let labels = labels.into_iter().filter(|key| differ(kinds().map(|kind| kind.labels.get(*key))));
    let taints: BTreeSet<_> = kinds().flat_map(|kind| &kind.taints).collect();
    let taints = taints.into_iter().filter(|taint| differ(kinds().map(|kind| kind.taints.contains(*taint))));
    let told = labels.map(|key| format!("the label {key}"));
    let told: Vec<_> = told.chain(taints.map(|taint| format!("the taint {taint}"))).collect();
    (!told.is_empty()).then(|| {
        format!(
            "the nodes without a label for their pool differ by {}, so that each kind of them has probes of its own; \
             `--pool-label KEY` names the pools",
            first(told.into_iter())
        )
    })
}

fn differ<T: PartialEq>(mut values: impl Iterator<Item = T>) -> bool {
    values.next().is_some_and(|first| values.any(|value| value != first))
}

#[cfg(test)]
mod tests;
