//! The places where pods run or can run: pools, kinds of nodes in a pool, and single nodes that need a probe of their
//! own.

use super::{Nodes, uncovered::Uncovered};
use crate::case::cluster::{Cluster, Node, NodeKind, PodView};

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

/// Returns the places where a pod or a template's pods run or can run without a probe.
pub(super) fn left_out(cluster: &Cluster, pod_view: &PodView, places: &[Place]) -> Vec<Uncovered> {
    // Pods that do not exist yet are only requested for the given nodes.
    if pod_view.origin.name.is_empty() && !places.is_empty() {
        return Vec::new();
    }
    let title = pod_view.origin.title();
    let all = self::places(cluster, &Nodes::PerPool, pod_view);
    if all.is_empty() {
        let why = match &pod_view.node {
            Some(node) => format!("its node {node} does not exist"),
            None => "no node can run this pod".to_owned(),
        };
        return vec![Uncovered::everywhere(title, why)];
    }
    let probed =
        |place: &&Place| places.iter().any(|probed| probed.pool == place.pool && probed.kind == place.kind);
    let missing = all.iter().filter(|place| !probed(place));
    let uncovered = missing.map(|Place { pool, kind, .. }| Uncovered {
        title: title.clone(),
        pool: Some(pool.clone()),
        why: match kind {
            None => "excluded by --nodes".to_owned(),
            Some(kind) => format!("--nodes excludes the nodes of the kind {kind}"),
        },
    });
    uncovered.collect()
}
