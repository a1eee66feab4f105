//! Where pods run or can run: pools, the kinds of nodes in them, and single nodes where each is to have a probe.

use super::{Nodes, uncovered::Uncovered};
use crate::case::cluster::{Cluster, Node, NodeKind, PodView};

/// The pool of nodes that may not be read.
const UNKNOWN_POOL: &str = "unknown";

/// Where one probe goes.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Place {
    pub(super) pool: String,
    /// The kind of node, where the pool has several.
    pub(super) kind: Option<NodeKind>,
    /// The node, where each is to have a probe of its own.
    pub(super) node: Option<String>,
}

/// The places in which a shape runs or can run, as far as they were asked for.
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

/// Where nodes may not be read, the pods' own are what is known.
fn unknown(asked_for: &Nodes, pod_view: &PodView) -> Vec<Place> {
    let at = |node| vec![Place { pool: UNKNOWN_POOL.to_owned(), node, kind: None }];
    match (asked_for, pod_view.node.clone()) {
        (Nodes::PerPool, _) => at(None),
        (Nodes::Named(names), Some(node)) if !names.contains(&node) => Vec::new(),
        (_, node) => at(node),
    }
}

/// What tells a node from others of its pool, if anything does.
fn kind(nodes: &[Node], node: &Node) -> Option<NodeKind> {
    let own = NodeKind::of(node);
    let mut pool = nodes.iter().filter(|other| other.pool == node.pool);
    pool.any(|other| NodeKind::of(other) != own).then_some(own)
}

/// The places in which it runs or can run, and gets no probe.
pub(super) fn left_out(cluster: &Cluster, pod_view: &PodView, places: &[Place]) -> Vec<Uncovered> {
    // What is to come is asked for by the node, too.
    if pod_view.origin.name.is_empty() && !places.is_empty() {
        return Vec::new();
    }
    let title = pod_view.origin.title();
    let all = self::places(cluster, &Nodes::PerPool, pod_view);
    if all.is_empty() {
        let why = match &pod_view.node {
            Some(node) => format!("its node {node} was not there"),
            None => "no node can run it".to_owned(),
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
            None => "--nodes leaves it out".to_owned(),
            Some(kind) => format!("--nodes leaves out its nodes of the kind {kind}"),
        },
    });
    uncovered.collect()
}
