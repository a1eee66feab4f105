//! The places where pods run or can run: pools, kinds of nodes in a pool, and single nodes that need a probe of their
//! own.

use super::{
    Nodes,
    uncovered::{Gaps, Uncovered, not_yet},
};
use crate::case::cluster::{Cluster, Node, NodeKind, Part, PodView, Restriction};

/// The name of the pool if nodes may not be read.
const UNKNOWN_POOL: &str = "unknown";

/// The place of one probe.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Place {
    pub(super) pool: String,
    /// The kind of node; `None` if the pool has a single kind.
    pub(super) kind: Option<NodeKind>,
    /// The node's name, if each node needs a probe; otherwise `None`.
    pub(super) node: Option<String>,
}

/// Returns the requested places where a pod or a template's pods run or can run.
pub(super) fn places(cluster: &Cluster, asked_for: &Nodes, pod_view: &PodView) -> Vec<Place> {
    let Ok(nodes) = &cluster.nodes else { return unknown(asked_for, pod_view) };
    let class = pod_view.runtime_class.as_deref().and_then(|name| cluster.class(name));
    let runs_here = |node: &&Node| match &pod_view.node {
        Some(name) => node.name == *name,
        None => pod_view.placement.suits(node, class),
    };
    let wanted = |node: &&Node| match asked_for {
        Nodes::PerPool | Nodes::All => true,
        Nodes::Named(names) => names.contains(&node.name),
    };
    let place = |node: &Node| Place {
        pool: node.pool.clone(),
        kind: kind(nodes, node),
        node: (*asked_for != Nodes::PerPool).then(|| node.name.clone()),
    };
    let mut places: Vec<_> = nodes.iter().filter(runs_here).filter(wanted).map(place).collect();
    places.sort();
    places.dedup();
    places
}

/// Returns the places if nodes may not be read: only the pods' own nodes are known.
fn unknown(asked_for: &Nodes, pod_view: &PodView) -> Vec<Place> {
    let at = |node| vec![Place { pool: UNKNOWN_POOL.to_owned(), node, kind: None }];
    match (asked_for, pod_view.node.clone()) {
        (Nodes::PerPool, _) => at(None),
        (Nodes::Named(names), Some(node)) if !names.contains(&node) => Vec::new(),
        (_, node) => at(node),
    }
}

/// Returns the node's kind; `None` if all nodes of its pool are of the same kind.
fn kind(nodes: &[Node], node: &Node) -> Option<NodeKind> {
    let own = NodeKind::of(node);
    let mut pool = nodes.iter().filter(|other| other.pool == node.pool);
    pool.any(|other| NodeKind::of(other) != own).then_some(own)
}

/// Finds the places where a pod or a template's pods run or can run without a probe.
pub(super) fn left_out(cluster: &Cluster, pod_view: &PodView, places: &[Place], gaps: &mut Gaps) {
    let to_come = pod_view.origin.name.is_empty();
    // Pods that do not exist yet are only requested for the given nodes.
    if to_come && !places.is_empty() {
        return;
    }
    let class = pod_view.runtime_class.as_deref().unwrap_or_default();
    let title = if to_come { not_yet(class) } else { pod_view.origin.title() };
    let all = self::places(cluster, &Nodes::PerPool, pod_view);
    if all.is_empty() {
        let why = match &pod_view.node {
            Some(node) => format!("its node {node} does not exist"),
            None => {
                "no node can run this pod now; `--wait-for-nodes TIME` asks an autoscaler for one".to_owned()
            }
        };
        gaps.uncovered.push(Uncovered::new(title, why));
        return;
    }
    let probed =
        |place: &&Place| places.iter().any(|probed| probed.pool == place.pool && probed.kind == place.kind);
    for Place { pool, kind, .. } in all.iter().filter(|place| !probed(place)) {
        gaps.pools.insert(pool.clone());
        // A request for pods on nodes where they cannot be is not fulfilled.
        if to_come {
            let why = "--nodes names no node that can run these pods";
            gaps.uncovered.push(Uncovered::new(title.clone(), why));
            continue;
        }
        let name = match (&pod_view.node, kind) {
            (Some(node), _) => format!("node {node}"),
            (None, Some(kind)) => format!("the nodes of the kind {kind} in pool {pool}"),
            (None, None) => format!("pool {pool}"),
        };
        gaps.left_out.push(Part { by: Restriction::Nodes, name });
    }
}
