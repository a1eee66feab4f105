//! The node of a group's probe.

use std::collections::BTreeSet;

use super::{Request, first, places::Places, refused, unfit, withheld};
use crate::case::cluster::{Cluster, Group, Node, Placement};

/// Returns the group with a node of its pool, or with the reason why it gets no probe.
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
    if let Some((node, placement)) = chosen(group.placement.clone()) {
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
