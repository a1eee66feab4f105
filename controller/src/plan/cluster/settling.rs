//! The node of a group's probe.

use std::collections::BTreeSet;

use super::{Request, first, places::Places, refused, unfit, withheld};
use crate::case::cluster::{Cluster, Group, Node, Placement};

/// Returns the group with a node of its pool, or with the reason why it gets no probe. If no node is ready for the probe by the
/// requirements of one pod, those of another pod count.
pub(super) fn settled(mut group: Group, cluster: &Cluster, request: &Request, places: &Places<'_>) -> Group {
    match (refused(&group, cluster), withheld::withheld(&group, cluster)) {
        (Some(why), _) | (None, Err(why)) => group.refused = Some(why),
        (None, Ok(withheld)) => group.withheld = withheld,
    }
    let Ok(nodes) = &cluster.nodes else {
        let theirs = group.pod_views.iter().find_map(|pod_view| pod_view.node.clone());
        group.node = group.node.or(theirs);
        return group;
    };
    let class = group.runtime_class.as_deref().and_then(|name| cluster.class(name));
    let is_candidate = |node: &&Node| {
        node.pool == group.pool
            && group.node.as_ref().is_none_or(|name| node.name == *name)
            && (group.kind.is_none() || places.at(&node.name).is_some_and(|place| place.kind == group.kind))
    };
    let of_pool: Vec<_> = nodes.iter().filter(is_candidate).collect();
    let theirs: BTreeSet<_> = group.pod_views.iter().filter_map(|pod_view| pod_view.node.as_ref()).collect();
    let chosen = |placement: Placement| {
        let fits = |node: &&&Node| placement.hindrance(node, class).is_none();
        let of_theirs = of_pool.iter().filter(fits).find(|node| theirs.contains(&node.name));
        let node = of_theirs.or_else(|| of_pool.iter().find(fits)).copied()?;
        Some((node, placement))
    };
    let others = || request.other_placements(&group).into_iter().find_map(chosen);
    if let Some((node, placement)) = chosen(group.placement.clone()).or_else(others) {
        group.node = Some(node.name.clone());
        group.placement = placement;
        group.refused = group.refused.or_else(|| unfit(node, &of_pool, class, request));
    } else {
        let hindrances = of_pool.iter().filter_map(|node| group.placement.hindrance(node, class));
        let why = format!("no node of the pool {} is ready for a probe: {}", group.pool, first(hindrances));
        group.refused = group.refused.or(Some(why));
    }
    group
}

#[cfg(test)]
mod tests {
    use crate::{
        case::cluster::{Affinity, Requirement},
        fixture,
        plan::cluster::{namespace, tests},
    };

    use super::*;

    /// Returns the placement of a DaemonSet's pod, whose affinity names its node.
    fn on(node: &str) -> Placement {
        let field =
            Requirement { key: "metadata.name".into(), operator: "In".into(), values: vec![node.into()] };
        Placement {
            affinity: vec![Affinity { fields: vec![field], labels: Vec::new() }],
            ..Placement::default()
        }
    }

    #[test]
    fn a_daemon_sets_pod_on_a_cordoned_node_keeps_no_probe_from_the_pool() {
        let mut cluster = tests::cluster();
        let first = Node { schedulable: false, ..fixture::node("one", "sandbox") };
        cluster.nodes = Ok(vec![first, fixture::node("two", "sandbox")]);
        cluster.pod_views.truncate(1);
        cluster.pod_views[0].placement = on("one").into();
        let mut other = cluster.pod_views[0].clone();
        other.placement = on("two").into();
        other.node = Some("two".into());
        other.origin.pod = Some("web-2".into());
        cluster.pod_views.push(other);
        let plan = namespace(&cluster, &tests::request()).unwrap();
        assert_eq!(plan.coverage.uncovered, [""; 0]);
        assert_eq!(plan.groups[0].node.as_deref(), Some("two"));
        assert_eq!(plan.groups[0].placement, on("two"));
        assert_eq!(plan.groups[0].represents(), ["pod/web-1", "pod/web-2"]);
    }
}
