use std::collections::BTreeMap;

use super::*;
use crate::{
    case::cluster::{Bonds, Coverage, Image, Labels, Read, Running},
    fixture,
    plan::{
        cluster::{Chosen, Live, Nodes, namespace, tests},
        needs::{Entry, Selects},
    },
};

/// Returns the cluster and the plan after this second reading.
fn read(
    later: impl FnOnce(&mut Vec<Shared<PodView>>, &mut Bonds) -> Option<Read<Vec<Shared<PodView>>>>,
) -> (Cluster, Plan) {
    let mut cluster = tests::cluster();
    let request = tests::request();
    let mut plan = namespace(&cluster, &request).unwrap();
    let mut bonds = cluster.bonds.clone();
    let mut pods: Vec<_> = cluster.pods().cloned().map(Shared::from).collect();
    // The second reading does not ask for workloads.
    pods[0].origin.kind = "replicaset".into();
    let instead = later(&mut pods, &mut bonds);
    let pods = instead.unwrap_or(Ok(pods));
    let later = SecondReading { pods, bonds, ..tests::later(&cluster, Vec::new()) };
    apply_second_reading(&mut cluster, &mut plan, &request, later);
    (cluster, plan)
}

fn another(pods: &mut Vec<Shared<PodView>>, change: impl FnOnce(&mut PodView)) {
    let mut pod = pods[0].clone();
    pod.origin.pod = Some("web-2".into());
    change(&mut pod);
    pods.push(pod);
}

#[test]
fn an_unchanged_namespace_has_no_remarks() {
    let (cluster, plan) = read(|_, _| None);
    assert!(cluster.changed.is_empty() && plan.coverage.uncovered.is_empty(), "{plan:?}");
    assert_eq!(cluster.pod_views, tests::cluster().pod_views);
}

#[test]
fn an_image_that_a_node_reports_meanwhile_is_no_change() {
    let (cluster, _) = read(|pods, _| {
        let image = Image { name: "web:1".into(), id: Some("web@sha256:00".into()) };
        pods[0].images = Some(vec![image.into()]);
        None
    });
    assert_eq!(cluster.pod_views, tests::cluster().pod_views);
}

#[test]
fn a_new_pod_joins_the_group_that_represents_it() {
    let (cluster, plan) = read(|pods, _| {
        another(pods, |pod| pod.token = true);
        None
    });
    assert!(plan.coverage.uncovered.is_empty(), "{plan:?}");
    assert_eq!(plan.groups[0].represents(), ["pod/web-1", "pod/web-2"]);
    assert!(cluster.pod_views.iter().any(|pod_view| pod_view.token));
}

/// Returns the plan of a run that examines these running pods, after which the pod web-1 has changed and the pod web-2 has come.
fn examined(chosen: Chosen, selector: Labels, change: fn(&mut PodView)) -> Plan {
    examined_on(Nodes::PerPool, chosen, selector, change)
}

/// Does the same in a run on some nodes.
fn examined_on(nodes: Nodes, chosen: Chosen, selector: Labels, change: fn(&mut PodView)) -> Plan {
    let mut cluster = tests::cluster();
    let all = cluster.nodes.as_mut().unwrap();
    all.push(Node { name: "other".into(), ..all[0].clone() });
    let live = Live { chosen, selector, most_earlier: 1, unmeasured: false };
    let running = [("web-1".to_owned(), Running::default())].into();
    let request = Request { live: Some(live), running, nodes, ..tests::request() };
    let mut plan = namespace(&cluster, &request).unwrap();
    let mut pods: Vec<_> = cluster.pods().cloned().map(Shared::from).collect();
    another(&mut pods, |_| ());
    change(&mut pods[0]);
    let later = tests::later(&cluster, pods);
    apply_second_reading(&mut cluster, &mut plan, &request, later);
    plan
}

#[test]
fn a_new_pod_is_uncovered_where_every_running_pod_is_examined() {
    let change = |pod: &mut PodView| pod.containers[0].privileged = true;
    let plan = examined(Chosen::All, Labels::new(), change);
    assert_eq!(plan.groups[0].represents(), ["pod/web-1"]);
    let said = "pod/web-2: it came or changed during the run, and was not examined in place";
    assert_eq!(plan.coverage.uncovered, [said]);
    for (chosen, selector) in [
        (Chosen::All, Labels::from([("app".into(), "other".into())])),
        (Chosen::Named(vec!["web-1".into()]), Labels::new()),
        (Chosen::One, Labels::new()),
    ] {
        let plan = examined(chosen, selector, change);
        assert_eq!(plan.groups[0].represents(), ["pod/web-1", "pod/web-2"]);
    }
}

#[test]
fn a_new_pod_on_a_node_that_was_not_asked_for_is_left_out() {
    let other = Nodes::Named(vec!["other".into()]);
    let plan = examined_on(other, Chosen::All, Labels::new(), |_| ());
    let uncovered = plan.coverage.uncovered.join(", ");
    assert!(!uncovered.contains("was not examined in place"), "{uncovered}");
}

#[test]
fn a_pod_that_was_made_anew_under_its_name_was_not_examined() {
    let named = Chosen::Named(vec!["web-1".into()]);
    let said = "pod/web-1: it came or changed during the run, and was not examined in place";
    for chosen in [named, Chosen::All] {
        let plan = examined(chosen, Labels::new(), |pod| pod.created = Some(i64::MAX));
        assert!(plan.coverage.uncovered.contains(&said.to_owned()), "{:?}", plan.coverage);
    }
}

#[test]
fn a_changed_pod_is_judged_in_both_states() {
    let (_, plan) = read(|pods, _| {
        pods[0].containers[0].privileged = true;
        None
    });
    assert_eq!(plan.groups[0].represents(), ["pod/web-1"]);
    assert!(plan.groups[0].pod_views.iter().any(|pod_view| pod_view.containers[0].privileged));
}

#[test]
fn a_new_pod_outside_of_all_groups_is_uncovered() {
    type Change = fn(&mut PodView);
    let changes: [(&str, Change); 3] = [
        ("pod/web-2: the pod was created", |pod| pod.runtime_class = None),
        ("pod/web-2: the pod was created", |pod| {
            drop(pod.gvisor_annotations.insert("a".into(), "b".into()));
        }),
        ("pod/web-2: its node three does not exist", |pod| pod.node = Some("three".into())),
    ];
    for (words, change) in changes {
        let (_, plan) = read(|pods, _| {
            another(pods, change);
            None
        });
        assert!(plan.coverage.uncovered[0].contains(words), "{:?}", plan.coverage);
    }
}

type Workload = (&'static str, &'static str);

fn identity((kind, name): Workload) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

/// Returns the maker of a workload, as the second reading tells it.
fn told(workload: Workload, made_by: Option<Workload>) -> MadeBy {
    MadeBy::from([(identity(workload), made_by.map(identity))])
}

/// Reads a new pod of another RuntimeClass, with this maker and with the makers of workloads, in a run that is restricted to a
/// workload.
fn restricted(like: Workload, maker: Workload, made_by: MadeBy) -> Coverage {
    let mut cluster = tests::cluster();
    for pod_view in &mut cluster.pod_views {
        (pod_view.origin.kind, pod_view.origin.name) = identity(like);
    }
    let request = Request { like: Some(identity(like)), ..tests::request() };
    let mut plan = namespace(&cluster, &request).unwrap();
    let mut pods: Vec<_> = cluster.pods().cloned().map(Shared::from).collect();
    another(&mut pods, |pod| {
        (pod.origin.kind, pod.origin.name) = identity(maker);
        pod.runtime_class = None;
    });
    let later = SecondReading { made_by, ..tests::later(&cluster, pods) };
    apply_second_reading(&mut cluster, &mut plan, &request, later);
    plan.coverage
}

#[test]
fn a_new_pod_of_the_workload_is_not_left_out() {
    for (like, maker) in [
        (("rollout", "web"), ("replicaset", "web-5d4f8")),
        (("cronjob", "report"), ("job", "by-hand")),
        (("database", "web"), ("statefulset", "web")),
    ] {
        let coverage = restricted(like, maker, told(maker, Some(like)));
        assert!(coverage.uncovered[0].contains("pod/web-2: the pod was created"), "{coverage:?}");
        assert!(coverage.left_out.is_empty(), "{coverage:?}");
    }
}

#[test]
fn a_new_pod_whose_maker_is_not_known_is_not_left_out() {
    for maker in [("replicaset", "web-5d4f8"), ("replicaset", "api-5d4f8"), ("sandbox", "agent-1")] {
        let coverage = restricted(("deployment", "web"), maker, MadeBy::new());
        assert!(coverage.uncovered[0].contains("pod/web-2: the pod was created"), "{coverage:?}");
        assert!(coverage.left_out.is_empty(), "{coverage:?}");
    }
}

#[test]
fn a_new_pod_of_another_workload_is_left_out() {
    let api = ("deployment", "api");
    for (maker, made_by, named) in [
        (("replicaset", "api-5d4f8"), Some(api), "deployment/api"),
        (("replicaset", "web-5d4f8"), Some(api), "deployment/api"),
        (("sandbox", "agent-1"), None, "sandbox/agent-1"),
        (("pod", "web-2"), None, "pod/web-2"),
    ] {
        let coverage = restricted(("deployment", "web"), maker, told(maker, made_by));
        assert_eq!(coverage.left_out.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), [named]);
        assert!(coverage.uncovered.is_empty(), "{coverage:?}");
    }
}

#[test]
fn a_probe_of_another_run_is_left_out() {
    let coverage = restricted(("deployment", "web"), ("configmap", "podproof-1"), MadeBy::new());
    assert_eq!(coverage.left_out[0].name, "configmap/podproof-1");
    assert!(coverage.uncovered.is_empty(), "{coverage:?}");
}

#[test]
fn a_new_pod_of_a_custom_workload_keeps_its_entry() {
    let rollout = ("rollout".to_owned(), "web".to_owned());
    let mut cluster = tests::cluster();
    for pod_view in &mut cluster.pod_views {
        (pod_view.origin.kind, pod_view.origin.name) = rollout.clone();
    }
    let selects = Selects::Workload(rollout.0.clone(), rollout.1.clone());
    let entry = Entry { selects, namespace: None, place: "podproof.toml, line 3".into() };
    let request = Request { entries: vec![entry], ..tests::request() };
    let mut plan = namespace(&cluster, &request).unwrap();
    let mut pods: Vec<_> = cluster.pods().cloned().map(Shared::from).collect();
    let maker = ("replicaset", "web-5d4f8");
    another(&mut pods, |pod| (pod.origin.kind, pod.origin.name) = identity(maker));
    let made_by = told(maker, Some(("rollout", "web")));
    let later = SecondReading { made_by, ..tests::later(&cluster, pods) };
    apply_second_reading(&mut cluster, &mut plan, &request, later);
    assert_eq!(plan.coverage.uncovered, [""; 0]);
    assert_eq!(plan.groups[0].represents(), ["pod/web-1", "pod/web-2"]);
    assert_eq!(cluster.pod_views.last().unwrap().origin.workload(), "rollout/web");
}

#[test]
fn unreadable_pods_are_uncovered_and_changed_policies_named() {
    let (_, plan) = read(|_, _| Some(Err(fixture::forbidden("list pods"))));
    assert!(plan.coverage.uncovered[0].contains("pods at the end of the run"), "{:?}", plan.coverage);
    let (cluster, _) = read(|_, bonds| {
        bonds.policies = Ok(BTreeMap::new());
        None
    });
    let changes = cluster.later.unwrap().changes;
    assert_eq!(changes[0].words, "NetworkPolicy default-deny was removed");
}

#[test]
fn a_removed_policy_is_a_change_though_the_namespaces_labels_may_not_be_read() {
    let mut cluster = tests::cluster();
    cluster.bonds.labels = Err(fixture::forbidden("get namespaces"));
    cluster.policies = fixture::policies(&[fixture::default_deny()]);
    let request = tests::request();
    let mut plan = namespace(&cluster, &request).unwrap();
    let pods = cluster.pods().cloned().map(Shared::from).collect();
    let later = SecondReading { policies: fixture::policies(&[]), ..tests::later(&cluster, pods) };
    apply_second_reading(&mut cluster, &mut plan, &request, later);
    let later = cluster.later.unwrap();
    assert_eq!((later.labels, later.policies), (None, fixture::policies(&[])));
}

#[test]
fn a_new_pod_of_a_rollout_is_known_by_its_deployment() {
    let (_, plan) = read(|pods, _| {
        another(pods, |pod| {
            pod.token = true;
            (pod.origin.kind, pod.origin.name) = ("replicaset".into(), "web-5d4f".into());
        });
        None
    });
    let origin = &plan.groups[0].pod_views.last().unwrap().origin;
    assert_eq!((origin.workload(), origin.title()), ("deployment/web".into(), "pod/web-2".into()));
}
