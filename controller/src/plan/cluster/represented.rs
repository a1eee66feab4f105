//! Nodes without a probe of their own, in a run that probes every node. A node that is cordoned or not ready, or that has a taint of the
//! cluster's own components, can have no probe for a while. A probe on another node of the same pool and kind represents its pods, as
//! in a run that probes one node of each. Nothing is said of the node itself, which no proof names.

use std::collections::{BTreeMap, BTreeSet};

use super::first;
use crate::case::cluster::Group;

/// The nodes without a probe whose pods a probe on another node represents, each with the reason, by that other node.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Represented(BTreeMap<String, BTreeMap<String, String>>);

impl Represented {
    /// Adds a node without a probe, which has none for this reason.
    pub(super) fn add(&mut self, by: &str, node: &str, why: String) {
        self.0.entry(by.to_owned()).or_default().insert(node.to_owned(), why);
    }

    /// Returns a remark for each probed node whose probes represent the pods of other nodes. A node with a group of its own, which is
    /// refused, is uncovered.
    pub fn remarks(&self, groups: &[Group]) -> Vec<String> {
        let on = |group: &'_ Group| group.node.clone();
        let probed: BTreeSet<_> = groups.iter().filter(|it| it.refused.is_none()).filter_map(on).collect();
        let own: BTreeSet<_> = groups.iter().filter_map(on).collect();
        let told = self.0.iter().filter(|(by, _)| probed.contains(*by)).filter_map(|(by, nodes)| {
            let others = nodes.iter().filter(|(node, _)| !own.contains(*node));
            let whys: Vec<_> = others.map(|(_, why)| why.clone()).collect();
            let (whose, themselves) = match whys.len() {
                0 => return None,
                1 => ("its", "the node itself"),
                _ => ("their", "the nodes themselves"),
            };
            Some(format!(
                "{}; the probe on node {by} of the same pool and kind represents {whose} pods, and no probe ran on {themselves}",
                first(whys.into_iter())
            ))
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        case::cluster::{Cluster, Node, Placement, Running, Taint},
        fixture,
        plan::cluster::{Live, Nodes, Plan, Request, apply_second_reading, namespace, tests},
    };

    type Change = fn(&mut Node);

    /// Returns a cluster with the nodes one and two, alike but for a change of the second one, and a pod on each.
    fn cluster(change: impl FnOnce(&mut Node)) -> Cluster {
        let mut cluster = tests::cluster();
        let mut two = fixture::node("two", "sandbox");
        change(&mut two);
        cluster.nodes.as_mut().unwrap().push(two);
        let mut pod = cluster.pods().next().unwrap().clone();
        pod.origin.pod = Some("web-2".into());
        pod.node = Some("two".into());
        cluster.pod_views.push(pod.into());
        cluster
    }

    fn all() -> Request {
        Request { nodes: Nodes::All, ..tests::request() }
    }

    fn cordon(node: &mut Node) {
        node.schedulable = false;
    }

    /// Returns the node and the represented pods of each probe.
    fn probes(plan: &Plan) -> Vec<(&str, Vec<String>)> {
        let probed = plan.groups.iter().filter(|group| group.refused.is_none());
        probed.map(|group| (group.node.as_deref().unwrap(), group.represents())).collect()
    }

    /// Asserts that only the node one has a probe, and that the probe represents nothing of the node two.
    fn is_uncovered(cluster: &Cluster, request: &Request) {
        let plan = namespace(cluster, request).unwrap();
        assert_eq!(probes(&plan), [("one", vec!["pod/web-1".to_owned()])]);
        assert!(plan.coverage.uncovered.iter().any(|it| it.starts_with("pod/web-2: ")), "{plan:#?}");
        assert_eq!(plan.represented.remarks(&plan.groups), [""; 0]);
    }

    fn tainted(node: &mut Node, key: &str) {
        node.taints.push(Taint { key: key.into(), value: String::new(), effect: "NoSchedule".into() });
    }

    #[test]
    fn a_probe_of_the_pool_represents_the_pods_of_a_node_that_is_away_for_a_while() {
        let changes: [(&str, Change); 3] = [
            ("two is cordoned", cordon),
            ("two is not ready", |node| node.ready = false),
            ("two has the taint node.kubernetes.io/disk-pressure", |node| {
                tainted(node, "node.kubernetes.io/disk-pressure");
            }),
        ];
        for (why, change) in changes {
            let plan = namespace(&cluster(change), &all()).unwrap();
            assert_eq!(probes(&plan), [("one", vec!["pod/web-1".to_owned(), "pod/web-2".to_owned()])]);
            assert_eq!(plan.coverage.uncovered, [""; 0]);
            assert_eq!((plan.coverage.nodes_planned, plan.coverage.nodes), (1, 2));
            let said = format!(
                "{why}; the probe on node one of the same pool and kind represents its pods, and no probe ran on the node itself"
            );
            assert_eq!(plan.represented.remarks(&plan.groups), [said]);
        }
    }

    #[test]
    fn a_probe_of_another_pool_or_kind_represents_no_pods_of_a_cordoned_node() {
        let changes: [Change; 5] = [
            |node| node.pool = "other".into(),
            |node| node.kernel = "6.99".into(),
            |node| node.os_image = "another".into(),
            |node| node.container_runtime = "containerd://9".into(),
            |node| node.handlers = vec!["runsc".into(), "another".into()],
        ];
        for change in changes {
            let cluster = cluster(|node| {
                cordon(node);
                change(node);
            });
            is_uncovered(&cluster, &all());
        }
    }

    #[test]
    fn an_owners_taint_leaves_the_pods_of_a_cordoned_node_uncovered() {
        is_uncovered(&cluster(|node| tainted(node, "team")), &all());
        let both = cluster(|node| {
            cordon(node);
            tainted(node, "team");
        });
        is_uncovered(&both, &all());
    }

    #[test]
    fn a_cordoned_node_that_was_named_is_uncovered() {
        let named = Nodes::Named(vec!["one".into(), "two".into()]);
        is_uncovered(&cluster(cordon), &Request { nodes: named, ..tests::request() });
    }

    #[test]
    fn a_node_that_can_have_no_probe_either_represents_nothing() {
        let changes: [Change; 4] = [
            cordon,
            |node| node.ready = false,
            |node| node.architecture = "arm64".into(),
            |node| node.handlers = vec!["runc".into()],
        ];
        for change in changes {
            let mut cluster = cluster(cordon);
            cluster.nodes.as_mut().unwrap().iter_mut().for_each(change);
            represents_nothing(&cluster);
        }
    }

    fn represents_nothing(cluster: &Cluster) {
        let plan = namespace(cluster, &all()).unwrap();
        assert_eq!(probes(&plan), []);
        let uncovered = plan.coverage.uncovered.join("\n");
        assert!(uncovered.contains("pod/web-1: ") && uncovered.contains("pod/web-2: "), "{uncovered}");
    }

    #[test]
    fn a_node_where_the_pod_cannot_run_represents_it_nowhere() {
        let mut cluster = cluster(cordon);
        let here = [("kubernetes.io/hostname".to_owned(), "two".to_owned())];
        cluster.nodes.as_mut().unwrap()[1].labels.extend(here.clone());
        let pod = cluster.pod_views.last_mut().unwrap();
        pod.placement = Placement { node_selector: here.into(), ..Placement::default() }.into();
        is_uncovered(&cluster, &all());
    }

    #[test]
    fn a_pod_without_its_like_gets_a_probe_on_another_node_of_its_kind() {
        let mut cluster = cluster(cordon);
        let pod = cluster.pod_views.last_mut().unwrap();
        pod.gvisor_annotations = [("dev.gvisor.flag.a".to_owned(), "b".to_owned())].into();
        let plan = namespace(&cluster, &all()).unwrap();
        let of_two = ("one", vec!["pod/web-2".to_owned()]);
        assert!(probes(&plan).contains(&of_two), "{:?}", probes(&plan));
        assert_eq!(plan.coverage.uncovered, [""; 0]);
    }

    #[test]
    fn a_pod_that_comes_to_a_cordoned_node_during_the_run_is_represented_too() {
        let mut cluster = cluster(cordon);
        let mut plan = namespace(&cluster, &all()).unwrap();
        let mut pod = cluster.pod_views.last().unwrap().clone();
        pod.origin.pod = Some("web-3".into());
        let later = tests::later(&cluster, vec![pod]);
        apply_second_reading(&mut cluster, &mut plan, &all(), later);
        assert_eq!(plan.groups[0].represents(), ["pod/web-1", "pod/web-2", "pod/web-3"]);
        assert_eq!(plan.coverage.uncovered, [""; 0]);
    }

    #[test]
    fn a_running_pod_of_a_cordoned_node_is_examined_there() {
        let live = Some(Live { most_earlier: 1, ..Live::default() });
        let running = ["web-1", "web-2"].map(|pod| (pod.to_owned(), Running::default())).into();
        let plan = namespace(&cluster(cordon), &Request { live, running, ..all() }).unwrap();
        let nodes: Vec<_> = probes(&plan).into_iter().map(|(node, _)| node).collect();
        assert_eq!(nodes, ["one", "two"]);
    }

    #[test]
    fn a_probe_that_is_not_made_represents_no_node() {
        let request = Request { most_probes: crate::plan::cluster::MostProbes(0), ..all() };
        let plan = namespace(&cluster(cordon), &request).unwrap();
        assert_eq!(plan.represented.remarks(&plan.groups), [""; 0]);
        assert!(!plan.coverage.uncovered.is_empty());
    }
}
