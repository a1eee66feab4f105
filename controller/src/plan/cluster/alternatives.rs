//! Other nodes than those of the pods, for a probe that has no place there.

use std::collections::BTreeMap;

use super::{Nodes, Request, places::Places, unfit};
use crate::case::cluster::{Cluster, Group, Node, Placement};

/// Returns the other nodes on which a group's probe shows the same: they are of the same pool and kind, and ready for it. The probe
/// keeps its node selector and its tolerations, and the scheduler gets the names of these nodes instead of an affinity. A user who
/// names nodes asked for these and no others.
pub fn alternatives(cluster: &Cluster, request: &Request, group: &Group) -> Vec<String> {
    let planned = group.node.as_deref().and_then(|name| cluster.node(name));
    let (Some(planned), Nodes::PerPool) = (planned, &request.nodes) else { return Vec::new() };
    let class = group.runtime_class.as_deref().and_then(|name| cluster.class(name));
    let places = Places::new(cluster, request, &request.nodes);
    let place = places.at(&planned.name);
    let Placement { node_selector, tolerations, .. } = &group.placement;
    let mut placements = request.other_placements(group);
    placements.retain(|it| it.node_selector == *node_selector && it.tolerations == *tolerations);
    placements.push(group.placement.clone());
    let fits = |node: &&Node| {
        node.name != planned.name
            && places.at(&node.name) == place
            && placements.iter().any(|placement| placement.hindrance(node, class).is_none())
            && unfit(node, &[node], class, request).is_none()
    };
    let nodes = cluster.nodes.iter().flatten().filter(fits);
    nodes.map(|node| node.name.clone()).collect()
}

/// Says for each planned probe why it is on none of its pods' nodes. Pods without a node and nodes that may not be read are
/// no reason for a remark.
pub fn displaced(cluster: &Cluster, groups: &[Group]) -> Vec<String> {
    let nodes = cluster.nodes.iter().flatten().map(|node| (node.name.as_str(), node)).collect();
    let probed = groups.iter().filter(|group| group.refused.is_none());
    probed.filter_map(|group| away(cluster, &nodes, group)).collect()
}

fn away(cluster: &Cluster, nodes: &BTreeMap<&str, &Node>, group: &Group) -> Option<String> {
    let planned = group.node.as_deref().and_then(|name| nodes.get(name))?;
    let theirs = || group.pod_views.iter().filter_map(|pod_view| nodes.get(pod_view.node.as_deref()?));
    if theirs().any(|node| node.name == planned.name) {
        return None;
    }
    let class = group.runtime_class.as_deref().and_then(|name| cluster.class(name));
    let why = theirs().find_map(|node| group.placement.hindrance(node, class))?;
    Some(format!(
        "{}: {why}; the probe runs on node {} of the same pool and kind",
        group.pod_views.first().map(|pod_view| pod_view.origin.title()).unwrap_or_default(),
        planned.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::cluster::{Affinity, Requirement},
        plan::cluster::{namespace, tests},
    };

    #[test]
    fn a_probe_away_from_its_pods_node_is_explained() {
        let mut cluster = tests::cluster();
        let plan = namespace(&cluster, &tests::request()).unwrap();
        assert_eq!(displaced(&cluster, &plan.groups), [""; 0]);

        let nodes = cluster.nodes.as_mut().unwrap();
        let another = Node { name: "another".into(), ..nodes[0].clone() };
        nodes[0].ready = false;
        let first = nodes[0].name.clone();
        nodes.push(another);
        let plan = namespace(&cluster, &tests::request()).unwrap();
        let told = displaced(&cluster, &plan.groups);
        let expected =
            format!("{first} is not ready; the probe runs on node another of the same pool and kind");
        assert!(told.iter().any(|told| told.ends_with(&expected)), "{told:?}");
    }

    /// Returns the alternatives to a plan's only node, after a change of the other node.
    fn others(nodes: Nodes, change: fn(&mut Node)) -> Vec<String> {
        let mut cluster = tests::cluster();
        let first = cluster.nodes.as_ref().unwrap()[0].clone();
        let mut second = Node { name: "another".into(), ..first.clone() };
        let request = Request { nodes, ..tests::request() };
        cluster.nodes = Ok(vec![first.clone()]);
        let plan = namespace(&cluster, &request).unwrap();
        assert_eq!(plan.groups[0].node.as_ref(), Some(&first.name));
        change(&mut second);
        cluster.nodes = Ok(vec![first, second]);
        alternatives(&cluster, &request, &plan.groups[0])
    }

    #[test]
    fn another_pods_affinity_admits_another_node() {
        let mut cluster = tests::cluster();
        let first = cluster.nodes.as_ref().unwrap()[0].clone();
        let second = Node { name: "another".into(), ..first.clone() };
        let on = |node: &str| {
            let field =
                Requirement { key: "metadata.name".into(), operator: "In".into(), values: vec![node.into()] };
            let affinity = vec![Affinity { fields: vec![field], labels: Vec::new() }];
            Placement { affinity, ..Placement::default() }
        };
        cluster.pod_views.truncate(1);
        cluster.pod_views[0].placement = on(&first.name).into();
        let mut other = cluster.pod_views[0].clone();
        other.placement = on("another").into();
        other.origin.pod = Some("web-2".into());
        cluster.pod_views.push(other);
        cluster.nodes = Ok(vec![first, second]);
        let plan = namespace(&cluster, &tests::request()).unwrap();
        assert_eq!(alternatives(&cluster, &tests::request(), &plan.groups[0]), ["another"]);
    }

    #[test]
    fn only_a_ready_node_of_the_same_pool_and_kind_is_another_place() {
        assert_eq!(others(Nodes::PerPool, |_| ()), ["another"]);
        let changes: [fn(&mut Node); 4] = [
            |node| node.pool = "other".into(),
            |node| node.kernel = "6.99".into(),
            |node| node.ready = false,
            |node| node.schedulable = false,
        ];
        for change in changes {
            assert_eq!(others(Nodes::PerPool, change), [""; 0]);
        }
        assert_eq!(others(Nodes::All, |_| ()), [""; 0]);
    }
}
