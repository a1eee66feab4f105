use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{
    case::{
        Architecture,
        cluster::{
            Access, MadeBy, Origin, Part, Restriction, SecondReading, Selecting, Selector, Taint, Unreadable,
        },
        policy::{Opaque, Unread},
    },
    fixture,
};

pub(super) fn cluster() -> Cluster {
    let mut case = fixture::pod();
    let known = fixture::in_cluster(&mut case);
    Arc::unwrap_or_clone(Arc::clone(&known.cluster))
}

pub(super) fn request() -> Request {
    let digests = BTreeMap::from([(Architecture::X86, Vec::new())]);
    Request { probes: Probes::of(digests, Maker::Controller), ..Request::default() }
}

/// Returns a second reading that has these pods, and the cluster's own policies and labels.
pub(super) fn later(cluster: &Cluster, pods: Vec<Shared<PodView>>) -> SecondReading {
    SecondReading {
        pods: Ok(pods),
        made_by: MadeBy::new(),
        services: Ok(Vec::new()),
        nodes: None,
        bonds: cluster.bonds.clone(),
        policies: cluster.policies.clone(),
        control: None,
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn pod(cluster: &mut Cluster, name: &str, change: impl FnOnce(&mut PodView)) {
    let mut pod_view = cluster.pod_views[0].clone();
    pod_view.origin = Origin { kind: "pod".into(), name: name.into(), pod: Some(name.into()) };
    change(&mut pod_view);
    cluster.pod_views.push(pod_view);
}

#[test]
fn pods_that_are_bound_alike_share_a_probe() {
    let plan = namespace(&cluster(), &request()).unwrap();
    assert_eq!(plan.groups.len(), 1);
    let group = &plan.groups[0];
    assert_eq!(group.represents(), ["pod/web-1"]);
    assert_eq!((group.node.as_deref(), &group.labels), (Some("one"), &labels(&[("app", "web")])));
    assert_eq!((plan.coverage.nodes_planned, plan.coverage.nodes), (1, 1));
}

#[test]
fn another_policy_class_or_setting_makes_another_group() {
    let mut cluster = cluster();
    let selector = json!({ "matchLabels": { "app": "api" } });
    let spec = json!({ "podSelector": selector, "policyTypes": ["Egress"], "egress": [{}] });
    let allow = fixture::network_policy("allow", &spec);
    cluster.policies = fixture::policies(&[fixture::default_deny(), allow]);
    pod(&mut cluster, "api", |pod_view| pod_view.labels = labels(&[("app", "api")]).into());
    pod(&mut cluster, "plain", |pod_view| pod_view.runtime_class = None);
    pod(&mut cluster, "open", |pod_view| {
        pod_view.gvisor_annotations = labels(&[("dev.gvisor.flag.host-uds", "open")]);
    });
    pod(&mut cluster, "alike", |pod_view| pod_view.labels = labels(&[("app", "worker")]).into());
    let plan = namespace(&cluster, &request()).unwrap();
    assert_eq!(plan.groups.len(), 4);
    let api = plan.groups.iter().find(|group| group.policies.contains(&"allow".to_owned())).unwrap();
    assert_eq!((api.represents(), api.policies.len()), (vec!["pod/api".to_owned()], 2));
    let shared =
        plan.groups.iter().find(|group| group.represents().contains(&"pod/alike".to_owned())).unwrap();
    assert!(shared.represents().contains(&"pod/web-1".to_owned()));
}

#[test]
fn policies_of_another_kind_split_groups_by_labels() {
    let mut cluster = cluster();
    pod(&mut cluster, "yard", |pod_view| {
        pod_view.labels = labels(&[("app", "yard"), ("pod-template-hash", "1")]).into();
    });
    pod(&mut cluster, "barn", |pod_view| {
        pod_view.labels = labels(&[("app", "yard"), ("pod-template-hash", "2")]).into();
    });
    assert_eq!(namespace(&cluster, &request()).unwrap().groups.len(), 1);
    let unread = Opaque::unread(Unread::Others, fixture::forbidden("list ciliumnetworkpolicies.cilium.io"));
    cluster.policies.opaque.push(unread);
    assert_eq!(namespace(&cluster, &request()).unwrap().groups.len(), 2);
}

#[test]
fn pods_with_a_policy_each_share_a_probe_if_the_rules_are_the_same() {
    let mut cluster = cluster();
    let mut objects = vec![fixture::default_deny()];
    for number in 0..60 {
        let name = format!("sandbox-{number}");
        let labels = labels(&[("sandbox", &name)]);
        let selector = json!({ "matchLabels": labels });
        objects.push(fixture::network_policy(&name, &json!({ "podSelector": selector, "egress": [] })));
        pod(&mut cluster, &name, |pod_view| pod_view.labels = labels.into());
    }
    cluster.policies = fixture::policies(&objects);
    assert_eq!(namespace(&cluster, &request()).unwrap().groups.len(), 1);
}

#[test]
fn a_pod_in_the_nodes_network_is_a_group_of_its_own() {
    let mut cluster = cluster();
    pod(&mut cluster, "agent", |pod_view| pod_view.host_namespaces = vec!["network".into()]);
    assert_eq!(namespace(&cluster, &request()).unwrap().groups.len(), 2);
}

#[test]
fn a_template_gets_a_probe_in_each_pool_that_can_run_it() {
    let mut cluster = cluster();
    let mut tainted = fixture::node("three", "tainted");
    let (key, value, effect) = ("team".into(), "red".into(), "NoSchedule".into());
    tainted.taints.push(Taint { key, value, effect });
    cluster.nodes = Ok(vec![fixture::node("one", "sandbox"), fixture::node("two", "other"), tainted]);
    let plan = namespace(&cluster, &request()).unwrap();
    let pools: Vec<_> = plan.groups.iter().map(|group| group.pool.as_str()).collect();
    assert_eq!((pools, plan.coverage.unused_pools), (vec!["other", "sandbox"], vec!["tainted".to_owned()]));
}

#[test]
fn a_pool_of_cordoned_or_unready_nodes_is_uncovered() {
    type Change = fn(&mut Node);
    let changes: [(&str, &str, Change); 4] = [
        ("is cordoned", "node.kubernetes.io/unschedulable", |node| node.schedulable = false),
        ("is not ready", "node.kubernetes.io/not-ready", |node| node.ready = false),
        ("has the taint node.cilium.io/agent-not-ready", "node.cilium.io/agent-not-ready", |_| ()),
        (
            "has the taint startup-taint.cluster-autoscaler.kubernetes.io/gpu",
            "startup-taint.cluster-autoscaler.kubernetes.io/gpu",
            |_| (),
        ),
    ];
    for (words, taint, change) in changes {
        let mut cluster = cluster();
        let mut away = fixture::node("two", "burst");
        change(&mut away);
        let (key, value, effect) = (taint.to_owned(), String::new(), "NoSchedule".into());
        away.taints.push(Taint { key, value, effect });
        cluster.nodes.as_mut().unwrap().push(away);
        let coverage = namespace(&cluster, &request()).unwrap().coverage;
        assert!(coverage.unused_pools.is_empty(), "{coverage:?}");
        let named = format!("deployment/web: no node of the pool burst is ready for a probe: two {words}");
        assert_eq!(coverage.uncovered, [named]);
    }
}

#[test]
fn each_kind_of_node_in_a_pool_gets_a_probe() {
    let mut cluster = cluster();
    let node = |name: &str, kernel: &str| Node { kernel: kernel.into(), ..fixture::node(name, "sandbox") };
    cluster.nodes = Ok(vec![node("one", "6.1"), node("two", "6.12"), node("three", "6.12")]);
    let plan = namespace(&cluster, &request()).unwrap();
    let probes: Vec<_> =
        plan.groups.iter().map(|group| (group.node.as_deref(), group.represents())).collect();
    let of = |title: &str| vec![title.to_owned()];
    assert_eq!(probes, [(Some("one"), of("pod/web-1")), (Some("two"), of("deployment/web"))]);
    assert!(plan.groups[1].kind.as_ref().unwrap().to_string().contains("kernel 6.12"));

    let named = Request { nodes: Nodes::Named(vec!["one".into()]), ..request() };
    let coverage = namespace(&cluster, &named).unwrap().coverage;
    assert_eq!(coverage.uncovered, [""; 0]);
    assert!(coverage.left_out[0].name.contains("of the kind amd64, kernel 6.12"), "{coverage:?}");

    for node in &mut cluster.nodes.as_mut().unwrap()[1..] {
        node.schedulable = false;
    }
    let uncovered = namespace(&cluster, &request()).unwrap().coverage.uncovered;
    assert!(uncovered[0].contains("two is cordoned, three is cordoned"), "{uncovered:?}");
}

fn part(by: Restriction, name: &str) -> Part {
    Part { by, name: name.to_owned() }
}

#[test]
fn a_pod_on_a_node_that_is_not_named_is_left_out_with_its_node() {
    let mut cluster = cluster();
    cluster.nodes = Ok(vec![fixture::node("one", "sandbox"), fixture::node("two", "sandbox")]);
    pod(&mut cluster, "lost", |pod_view| pod_view.node = Some("two".into()));
    let named = Request { nodes: Nodes::Named(vec!["one".into()]), ..request() };
    let coverage = namespace(&cluster, &named).unwrap().coverage;
    assert_eq!(coverage.left_out, [part(Restriction::Nodes, "node two")]);
}

#[test]
fn flags_that_leave_nothing_out_restrict_nothing() {
    let like = Some(("deployment".to_owned(), "web".to_owned()));
    let named = Request { nodes: Nodes::Named(vec!["one".into()]), like, ..request() };
    let coverage = namespace(&cluster(), &named).unwrap().coverage;
    assert_eq!((coverage.left_out.as_slice(), coverage.restricted_to().count()), (&[][..], 0));
}

#[test]
fn a_refused_group_stays_uncovered_in_a_restricted_run() {
    let mut cluster = cluster();
    pod(&mut cluster, "other", |_| ());
    cluster.classes = Ok(Vec::new());
    let like = Some(("deployment".to_owned(), "web".to_owned()));
    let coverage = namespace(&cluster, &Request { like, ..request() }).unwrap().coverage;
    assert!(coverage.uncovered.iter().any(|it| it.contains("pod/web-1")), "{coverage:?}");
}

#[test]
fn every_requested_node_gets_a_probe() {
    let mut cluster = cluster();
    cluster.nodes = Ok(vec![fixture::node("one", "sandbox"), fixture::node("two", "sandbox")]);
    let nodes = |nodes: Nodes| {
        let plan = namespace(&cluster, &Request { nodes, ..request() })?;
        Ok::<_, Error>(plan.groups.iter().filter_map(|group| group.node.clone()).collect::<Vec<_>>())
    };
    assert_eq!(nodes(Nodes::PerPool).unwrap(), ["one"]);
    assert_eq!(nodes(Nodes::All).unwrap(), ["one", "two"]);
    assert_eq!(nodes(Nodes::Named(vec!["two".into()])).unwrap(), ["two"]);
    cluster.nodes.as_mut().unwrap()[1].pool = "other".into();
    let named = Request { nodes: Nodes::Named(vec!["one".into()]), ..request() };
    let coverage = namespace(&cluster, &named).unwrap().coverage;
    assert_eq!(coverage.left_out, [part(Restriction::Nodes, "pool other")]);
    assert!(coverage.uncovered.is_empty() && coverage.unused_pools.is_empty(), "{coverage:?}");
    assert_eq!(coverage.restricted_to().collect::<Vec<_>>(), [&part(Restriction::Nodes, "node one")]);
    let nodes =
        |nodes: Nodes| namespace(&cluster, &Request { nodes, ..request() }).map(|_| Vec::<String>::new());
    assert_eq!(nodes(Nodes::Named(vec!["ten".into()])), Err(Error::NoSuchNode("ten".into())));
}

#[test]
fn an_object_whose_pods_are_not_known_is_left_out_by_like_unless_it_is_named() {
    let mut cluster = cluster();
    let what = Access::PodsOf("workflow/build".into());
    cluster.unread_pod_views.push(Unreadable { what, forbidden: false, message: String::new() });
    let left_out = |kind: &str, name: &str| {
        let like = Some((kind.to_owned(), name.to_owned()));
        let plan = namespace(&cluster, &Request { like, ..request() });
        plan.map(|plan| plan.coverage.left_out.iter().map(|part| part.name.clone()).collect::<Vec<_>>())
    };
    assert_eq!(left_out("deployment", "web").unwrap(), ["workflow/build"]);
    assert_eq!(left_out("workflow", "build"), Err(Error::NothingAlike("workflow/build".into())));
}

#[test]
fn excluded_pods_are_left_out_and_missing_pools_uncovered() {
    let mut cluster = cluster();
    pod(&mut cluster, "other", |_| ());
    let like = Some(("deployment".to_owned(), "web".to_owned()));
    let plan = namespace(&cluster, &Request { like, ..request() }).unwrap();
    assert_eq!(plan.coverage.left_out, [part(Restriction::Like, "pod/other")]);
    assert!(plan.coverage.uncovered.is_empty(), "{:?}", plan.coverage);
    let nothing = Some(("deployment".to_owned(), "nothing".to_owned()));
    assert!(matches!(
        namespace(&cluster, &Request { like: nothing, ..request() }),
        Err(Error::NothingAlike(_))
    ));
    let expected = Request { expected_pools: vec!["burst".into()], ..request() };
    let plan = namespace(&cluster, &expected).unwrap();
    assert!(plan.coverage.uncovered[0].contains("burst"));
}

#[test]
fn pods_of_a_group_without_a_probe_are_uncovered() {
    type Change = Box<dyn Fn(&mut Cluster)>;
    let eager = Selecting {
        kind: SelectingKind::EagerService,
        name: "peers".into(),
        selector: Selector::default(),
        target: None,
        addresses: Vec::new(),
        ports: Vec::new(),
    };
    let changes: [(&str, Change); 5] = [
        ("RuntimeClass gvisor does not exist", Box::new(|cluster| cluster.classes = Ok(Vec::new()))),
        ("Service peers", Box::new(move |cluster| cluster.selecting = vec![Ok(vec![eager.clone()])])),
        (
            "no probe for arm64",
            Box::new(|cluster| cluster.nodes.as_mut().unwrap()[0].architecture = "arm64".into()),
        ),
        (
            "handler runsc",
            Box::new(|cluster| cluster.nodes.as_mut().unwrap()[0].handlers = vec!["runc".into()]),
        ),
        ("no node of the pool", Box::new(|cluster| cluster.nodes.as_mut().unwrap()[0].ready = false)),
    ];
    for (words, change) in changes {
        let mut cluster = cluster();
        change(&mut cluster);
        let plan = namespace(&cluster, &request()).unwrap();
        let refused = plan.groups[0].refused.clone().unwrap_or_default();
        assert!(refused.contains(words), "{words}: {refused}");
        assert!(plan.coverage.uncovered.iter().any(|it| it.contains("pod/web-1")), "{words}");
    }
}

/// Returns a cluster with the pod web-2 on the node two, of arm64, in the same pool or another one.
fn mixed(pool: &str) -> Cluster {
    let mut cluster = cluster();
    let arm = Node { architecture: "arm64".into(), ..fixture::node("two", pool) };
    cluster.nodes.as_mut().unwrap().push(arm);
    pod(&mut cluster, "web-2", |pod_view| pod_view.node = Some("two".into()));
    cluster
}

#[test]
fn each_architecture_of_a_pool_has_a_probe_of_its_own() {
    for pool in ["sandbox", "arm"] {
        let digests = Architecture::ALL.map(|architecture| (architecture, Vec::new()));
        let request = Request { probes: Probes::of(digests.into(), Maker::Controller), ..Request::default() };
        let plan = namespace(&mixed(pool), &request).unwrap();
        let mut nodes: Vec<_> = plan.groups.iter().map(|group| group.node.as_deref()).collect();
        nodes.sort_unstable();
        assert_eq!(nodes, [Some("one"), Some("two")], "{pool}");
        assert_eq!(plan.coverage.by_architecture().as_deref(), Some("amd64: 1 of 1, arm64: 1 of 1"));
        assert_eq!(plan.coverage.uncovered, [""; 0]);
    }
}

#[test]
fn an_architecture_without_a_probe_is_uncovered_by_its_name() {
    for pool in ["sandbox", "arm"] {
        let plan = namespace(&mixed(pool), &request()).unwrap();
        let launched: Vec<_> = plan.groups.iter().filter(|group| group.refused.is_none()).collect();
        assert_eq!(launched.len(), 1, "{pool}");
        assert_eq!(launched[0].node.as_deref(), Some("one"));
        let why = plan.coverage.uncovered.join("\n");
        assert!(
            why.contains("pod/web-2") && why.contains("no probe for arm64, the architecture of node two"),
            "{why}"
        );
        assert_eq!(plan.coverage.by_architecture().as_deref(), Some("amd64: 1 of 1, arm64: 0 of 1"));
    }
}

#[test]
fn without_a_list_of_nodes_the_pods_nodes_are_used() {
    let mut cluster = cluster();
    cluster.nodes = Err(fixture::forbidden("list nodes"));
    let plan = namespace(&cluster, &request()).unwrap();
    assert_eq!(plan.groups[0].node.as_deref(), Some("one"));
    assert!(plan.coverage.unknown.is_some());
}

#[test]
fn pods_that_do_not_exist_yet_get_a_probe() {
    let mut cluster = cluster();
    cluster.pod_views.clear();
    assert!(namespace(&cluster, &request()).unwrap().groups.is_empty());
    let to_come = Some(("gvisor".to_owned(), labels(&[("app", "web")])));
    let plan = namespace(&cluster, &Request { to_come, ..request() }).unwrap();
    assert_eq!(plan.groups[0].policies, ["default-deny"]);
    assert!(plan.groups[0].represents().is_empty() && plan.coverage.uncovered.is_empty());
    let not_yet = part(Restriction::RuntimeClass, "pods of the RuntimeClass gvisor that do not exist yet");
    assert_eq!(plan.coverage.restricted_to().collect::<Vec<_>>(), [&not_yet]);
    let to_come = Some(("nothing".to_owned(), Labels::new()));
    let coverage = namespace(&cluster, &Request { to_come, ..request() }).unwrap().coverage;
    assert!(
        coverage.uncovered[0].contains("pods of the RuntimeClass nothing that do not exist yet: "),
        "{coverage:?}"
    );
    assert_eq!(coverage.nodes_planned, 0);
}

#[test]
fn an_autoscaler_that_counts_a_probe_gets_a_remark() {
    let mut cluster = cluster();
    let target = Some(("deployment".to_owned(), "web".to_owned()));
    let kind = SelectingKind::Autoscaler;
    cluster.selecting = vec![Ok(vec![Selecting {
        kind,
        name: "grow".into(),
        selector: Selector::default(),
        target,
        addresses: Vec::new(),
        ports: Vec::new(),
    }])];
    let plan = namespace(&cluster, &request()).unwrap();
    assert_eq!(counted_by(&cluster, &plan.groups).len(), 1);
}

#[test]
fn a_node_with_the_startup_taint_gets_a_probe_that_tolerates_it() {
    let mut cluster = cluster();
    cluster.pod_views[0].node = None;
    cluster.pod_views[0].origin.pod = None;
    let taint =
        Taint { key: "podproof.dev/unproven".into(), value: String::new(), effect: "NoSchedule".into() };
    cluster.nodes.as_mut().unwrap()[0].taints = vec![taint];
    let startup_taint = Some("podproof.dev/unproven".to_owned());
    let with = Request { nodes: Nodes::All, startup_taint, ..request() };
    let without = Request { nodes: Nodes::All, ..request() };
    assert_eq!(namespace(&cluster, &without).unwrap().groups.len(), 0);
    let groups = namespace(&cluster, &with).unwrap().groups;
    assert_eq!(groups[0].node.as_deref(), Some("one"));
    assert_eq!(groups[0].placement.tolerations, [Toleration::of_key("podproof.dev/unproven")]);
    assert_eq!(groups[0].pod_views[0].placement.tolerations, []);
}
