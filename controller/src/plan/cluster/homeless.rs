//! Pods that no node of the cluster can run now. An autoscaler adds a node once a pod asks for one.

use std::collections::BTreeSet;

use super::{Nodes, Request, places::Places, refused, withheld::withheld};
use crate::case::cluster::{Cluster, Group, PodView, Shared};

/// Returns a group for each kind of pods that no node can run, with what such a pod asks of its node. Pods that run show that a
/// node can run them.
pub fn homeless(cluster: &Cluster, request: &Request) -> Vec<Group> {
    // Without the list of nodes it is not known what they can run, and named nodes exist.
    if cluster.nodes.is_err() || matches!(request.nodes, Nodes::Named(_)) {
        return Vec::new();
    }
    let places = Places::new(cluster, request, &Nodes::PerPool);
    let waits = |pod_view: &&Shared<PodView>| {
        super::is_requested(pod_view, request) && pod_view.node.is_none() && places.of(pod_view).is_empty()
    };
    let mut kinds = BTreeSet::new();
    let groups = cluster.pod_views.iter().filter(waits).map(|pod_view| Group {
        runtime_class: pod_view.runtime_class.clone(),
        gvisor_annotations: pod_view.gvisor_annotations.clone(),
        labels: (*pod_view.labels).clone(),
        service_account: pod_view.service_account.clone(),
        placement: request.probes_placement(&pod_view.placement),
        pod_views: vec![pod_view.clone()],
        ..Group::default()
    });
    let kind = |group: &Group| (group.runtime_class.clone(), format!("{:?}", group.placement));
    let groups = groups.filter(|group| kinds.insert(kind(group)) && refused(group, cluster).is_none());
    groups.filter_map(|group| Some(Group { withheld: withheld(&group, cluster).ok()?, ..group })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::cluster::tests;

    #[test]
    fn only_pods_that_no_node_can_run_ask_for_another() {
        let mut cluster = tests::cluster();
        assert!(homeless(&cluster, &tests::request()).is_empty());
        for pod_view in &mut cluster.pod_views {
            pod_view.placement.node_selector.insert("pool".into(), "none".into());
        }
        let templates = cluster.pod_views.iter().filter(|it| it.origin.is_template()).count();
        assert!(templates > 0);
        let groups = homeless(&cluster, &tests::request());
        assert_eq!(groups.len(), 1, "{groups:#?}");
        assert_eq!(groups[0].placement.node_selector["pool"], "none");
        let named = Request { nodes: Nodes::Named(vec!["one".into()]), ..tests::request() };
        assert!(homeless(&cluster, &named).is_empty());
    }

    #[test]
    fn a_pod_of_a_missing_class_asks_for_no_node() {
        let mut cluster = tests::cluster();
        cluster.nodes = Ok(Vec::new());
        cluster.classes = Ok(Vec::new());
        assert!(homeless(&cluster, &tests::request()).is_empty());
    }
}
