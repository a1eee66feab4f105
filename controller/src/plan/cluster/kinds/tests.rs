use super::*;
use crate::{
    case::cluster::{
        Affinity, Labels, Placement, PodView, Read, Requirement, SecondReading, Shared, Toleration,
    },
    fixture,
    plan::cluster::{Nodes, Plan, apply_second_reading, namespace, tests},
};

fn node(name: &str, pool: &str) -> Node {
    let mut node = fixture::node(name, "default");
    node.labels.insert("pool".into(), pool.into());
    node.labels.insert("kubernetes.io/hostname".into(), name.into());
    node
}

/// Returns a cluster with the nodes one and two of the pools a and b, which no provider's label names, and with a pod on each.
fn cluster(change: impl Fn(&mut PodView)) -> Cluster {
    let mut cluster = tests::cluster();
    cluster.nodes = Ok(vec![node("one", "a"), node("two", "b")]);
    let web = cluster.pods().next().unwrap().clone();
    let pod = |name: &str, node: &str| {
        let mut pod = web.clone();
        pod.origin.pod = Some(name.into());
        pod.node = Some(node.into());
        change(&mut pod);
        Shared::from(pod)
    };
    cluster.pod_views = vec![pod("web-1", "one"), pod("web-2", "two")];
    cluster
}

fn selecting(key: &str, value: &str) -> Shared<Placement> {
    let node_selector = Labels::from([(key.to_owned(), value.to_owned())]);
    Placement { node_selector, ..Placement::default() }.into()
}

/// Makes each pod choose its node by a label.
fn chosen_by(key: &str) -> Cluster {
    let mut cluster = cluster(|_| ());
    let nodes = cluster.nodes.clone().unwrap();
    for (pod, node) in cluster.pod_views.iter_mut().zip(&nodes) {
        pod.placement = selecting(key, &node.labels[key]);
    }
    cluster
}

/// Returns the node and the represented pods of each probe.
fn probes(cluster: &Cluster) -> Vec<(String, Vec<String>)> {
    let plan = namespace(cluster, &tests::request()).unwrap();
    assert_eq!(plan.coverage.uncovered, [""; 0]);
    let probe = |group: &Group| (group.node.clone().unwrap(), group.represents());
    plan.groups.iter().map(probe).collect()
}

fn each() -> Vec<(String, Vec<String>)> {
    [("one", "pod/web-1"), ("two", "pod/web-2")].map(|(node, pod)| (node.into(), vec![pod.into()])).to_vec()
}

fn both() -> Vec<(String, Vec<String>)> {
    vec![("one".into(), vec!["pod/web-1".into(), "pod/web-2".into()])]
}

#[test]
fn pods_that_select_different_unlabelled_nodes_have_probes_of_their_own() {
    assert_eq!(probes(&chosen_by("pool")), each());
    assert_eq!(probes(&cluster(|_| ())), both());
}

#[test]
fn a_required_affinity_tells_the_kinds_of_nodes() {
    let requirement = Requirement { key: "pool".into(), operator: "Exists".into(), values: Vec::new() };
    let term = Affinity { labels: vec![requirement], fields: Vec::new() };
    let placement = Placement { affinity: vec![term], ..Placement::default() };
    assert_eq!(probes(&cluster(|pod| pod.placement = placement.clone().into())), each());
}

/// Returns the probes of two pods whose RuntimeClass has no selector, beside another class that selects nodes by the label `pool`
/// and that perhaps has a pod.
fn beside_a_class_with_a_selector(has_a_pod: bool) -> Vec<(String, Vec<String>)> {
    let mut cluster = cluster(|_| ());
    let classes = cluster.classes.as_mut().unwrap();
    let mut other = classes[0].clone();
    other.name = "other".into();
    other.node_selector.insert("pool".into(), "a".into());
    classes.push(other);
    if has_a_pod {
        let mut pod = cluster.pod_views[0].clone();
        pod.origin.pod = Some("other-1".into());
        pod.runtime_class = Some("other".into());
        cluster.pod_views.push(pod);
    }
    probes(&cluster)
}

#[test]
fn the_selector_of_a_runtime_class_tells_the_kinds_of_nodes() {
    let mut expected = each();
    expected.insert(1, ("one".into(), vec!["pod/other-1".into()]));
    assert_eq!(beside_a_class_with_a_selector(true), expected);
}

#[test]
fn the_selector_of_a_runtime_class_without_a_pod_tells_no_kinds_of_nodes() {
    assert_eq!(beside_a_class_with_a_selector(false), both());
}

#[test]
fn a_label_of_a_place_tells_no_kinds_of_nodes() {
    assert_eq!(probes(&chosen_by("kubernetes.io/hostname")), both());
}

#[test]
fn the_nodes_of_a_pool_with_a_name_are_of_one_kind_whatever_their_labels() {
    let mut cluster = chosen_by("pool");
    cluster.nodes.as_mut().unwrap().iter_mut().for_each(|node| node.pool = "sandbox".into());
    assert_eq!(probes(&cluster), both());
}

fn taint(key: &str, effect: &str) -> Taint {
    Taint { key: key.into(), value: String::new(), effect: effect.into() }
}

#[test]
fn a_lasting_taint_tells_the_kinds_of_nodes_and_a_temporary_one_does_not() {
    for (taint, expected) in [
        (taint("team", "NoSchedule"), each()),
        (taint("team", "PreferNoSchedule"), both()),
        (taint("node.kubernetes.io/disk-pressure", "NoSchedule"), both()),
    ] {
        let mut cluster = cluster(|pod| {
            let everything = Toleration { operator: Some("Exists".into()), ..Toleration::default() };
            pod.placement = Placement { tolerations: vec![everything], ..Placement::default() }.into();
        });
        cluster.nodes.as_mut().unwrap()[1].taints.push(taint.clone());
        assert_eq!(probes(&cluster), expected, "{taint}");
    }
}

#[test]
fn the_startup_taint_tells_no_kinds_of_nodes() {
    let mut cluster = cluster(|_| ());
    cluster.nodes.as_mut().unwrap()[1].taints.push(taint("podproof.dev/unproven", "NoSchedule"));
    let startup_taint = Some("podproof.dev/unproven".to_owned());
    let plan = namespace(&cluster, &Request { startup_taint, ..tests::request() }).unwrap();
    assert_eq!(plan.groups.len(), 1);
}

#[test]
fn a_remark_names_the_labels_and_taints_and_the_flag() {
    let mut cluster = chosen_by("pool");
    cluster.nodes.as_mut().unwrap()[1].taints.push(taint("team", "NoSchedule"));
    let told = |cluster: &Cluster| divided(&namespace(cluster, &tests::request()).unwrap().groups);
    let said = "the nodes without a label for their pool differ by the label pool, the taint team:NoSchedule, so that each kind \
                of them has probes of its own; `--pool-label KEY` names the pools";
    assert_eq!(told(&cluster).as_deref(), Some(said));
    for pod in &mut cluster.pod_views {
        pod.node = Some("one".into());
    }
    assert_eq!(told(&cluster), None);
}

#[test]
fn a_cordoned_node_that_no_label_names_is_represented_by_its_kind_alone() {
    let mut cluster = cluster(|_| ());
    cluster.pod_views[0].placement = selecting("pool", "a");
    cluster.nodes.as_mut().unwrap()[1].schedulable = false;
    let request = Request { nodes: Nodes::All, ..tests::request() };
    let plan = namespace(&cluster, &request).unwrap();
    assert!(plan.coverage.uncovered[0].starts_with("pod/web-2: "), "{:?}", plan.coverage);
}

/// Returns the plan after a second reading with another pod on the node two.
fn after(cluster: Cluster, change: impl FnOnce(&mut PodView)) -> Plan {
    after_with(cluster, &tests::request(), None, change)
}

/// Does the same for a request, with these nodes in the second reading.
fn after_with(
    mut cluster: Cluster,
    request: &Request,
    nodes: Option<Read<Vec<Node>>>,
    change: impl FnOnce(&mut PodView),
) -> Plan {
    let mut plan = namespace(&cluster, request).unwrap();
    let mut pod = cluster.pod_views[1].clone();
    pod.origin.pod = Some("web-3".into());
    change(&mut pod);
    let later = SecondReading { nodes, ..tests::later(&cluster, vec![pod]) };
    apply_second_reading(&mut cluster, &mut plan, request, later);
    plan
}

#[test]
fn a_new_pod_that_chooses_its_node_by_another_label_is_uncovered() {
    let plan = after(cluster(|_| ()), |pod| pod.placement = selecting("pool", "b"));
    let said = "pod/web-3: it chooses its node by the label pool, by which no pod did when the run began";
    assert_eq!(plan.coverage.uncovered, [said]);
}

#[test]
fn a_new_pod_that_chooses_a_new_node_by_another_label_is_uncovered() {
    let mut cluster = cluster(|_| ());
    let nine = node("nine", "b");
    for node in cluster.nodes.as_mut().unwrap() {
        node.labels.remove("pool");
    }
    let plan = after_with(cluster, &tests::request(), Some(Ok(vec![nine])), |pod| {
        pod.node = Some("nine".into());
        pod.placement = selecting("pool", "b");
    });
    assert!(plan.coverage.uncovered[0].contains("by the label pool"), "{:?}", plan.coverage);
}

#[test]
fn a_new_pod_that_chooses_its_node_by_a_label_that_came_during_the_run_is_uncovered() {
    let with = |label: Option<&str>| {
        let mut cluster = cluster(|_| ());
        for node in cluster.nodes.as_mut().unwrap() {
            node.labels.remove("pool");
        }
        let mut nodes = cluster.nodes.clone().unwrap();
        nodes[1].labels.extend(label.map(|value| ("pool".to_owned(), value.to_owned())));
        after_with(cluster, &tests::request(), Some(Ok(nodes)), |pod| pod.placement = selecting("pool", "b"))
    };
    let said = "pod/web-3: it chooses its node by the label pool, by which no pod did when the run began";
    assert_eq!(with(Some("b")).coverage.uncovered, [said]);
    assert_eq!(with(None).coverage.uncovered, [""; 0]);
}

#[test]
fn a_new_pod_that_chooses_a_node_with_a_probe_of_its_own_is_represented() {
    let request = Request { nodes: Nodes::All, ..tests::request() };
    let plan = after_with(cluster(|_| ()), &request, None, |pod| pod.placement = selecting("pool", "b"));
    assert_eq!(plan.coverage.uncovered, [""; 0]);
    assert_eq!(plan.groups[1].represents(), ["pod/web-2", "pod/web-3"]);
}

#[test]
fn a_new_pod_that_chooses_its_node_by_a_label_of_all_nodes_is_represented() {
    let mut cluster = cluster(|_| ());
    for node in cluster.nodes.as_mut().unwrap() {
        node.labels.insert("os".into(), "linux".into());
    }
    let plan = after(cluster, |pod| pod.placement = selecting("os", "linux"));
    assert_eq!(plan.coverage.uncovered, [""; 0]);
    assert_eq!(plan.groups[0].represents(), ["pod/web-1", "pod/web-2", "pod/web-3"]);
}
