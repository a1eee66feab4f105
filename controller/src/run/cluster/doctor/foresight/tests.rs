use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::{
    case::{
        Architecture,
        cluster::{Access, Volume},
        policy::Opaque,
    },
    fixture,
    plan::{
        cluster::{Maker, Nodes, Probes},
        needs::{Entry, Selects},
    },
    run::cluster::doctor::render,
};

fn request() -> Request {
    let digests = BTreeMap::from([(Architecture::X86, Vec::new())]);
    Request { probes: Probes::of(digests, Maker::Controller), ..Request::default() }
}

fn foresight(change: impl FnOnce(&mut Cluster)) -> Foresight {
    let mut case = fixture::pod();
    let mut cluster = (*fixture::in_cluster(&mut case).cluster).clone();
    change(&mut cluster);
    let plan = plan::namespace(&cluster, &request()).unwrap();
    Foresight { cluster, plan, homeless: Vec::new(), marks: Labels::new() }
}

fn told(foresight: &Foresight, control: &str) -> String {
    render(&foresight.checks(Some(control)))
}

#[test]
fn a_namespace_without_fault_has_no_trouble() {
    let told = told(&foresight(|_| ()), "podproof");
    assert!(!told.contains("remedy"), "{told}");
}

#[test]
fn each_fault_of_a_namespace_is_foreseen() {
    type Change = fn(&mut Cluster);
    let changes: [(&str, Change); 5] = [
        ("CiliumNetworkPolicy by-account binds the pods and not the probe pod", |cluster| {
            for pod_view in &mut cluster.pod_views {
                pod_view.service_account = "web".into();
            }
            let account = json!({ "matchLabels": { "io.cilium.k8s.policy.serviceaccount": "web" } });
            let policy = json!({
                "apiVersion": "cilium.io/v2",
                "kind": "CiliumNetworkPolicy",
                "metadata": { "name": "by-account", "namespace": "shop" },
                "spec": { "endpointSelector": account, "egress": [{}] },
            });
            cluster.policies = fixture::policies(&[policy]);
        }),
        ("policies of the control namespace may shut its listener off (Policy closed", |cluster| {
            let control = cluster.control.as_mut().unwrap();
            control.policies.opaque.push(Opaque::titled("Policy closed".into(), false));
        }),
        ("has a network of its own by the annotation k8s.v1.cni.cncf.io/networks", |cluster| {
            for pod_view in &mut cluster.pod_views {
                pod_view.network_annotations.insert("k8s.v1.cni.cncf.io/networks".into(), "other".into());
            }
        }),
        ("no probe represents pod/web-1: no node of the pool sandbox is ready", |cluster| {
            for node in cluster.nodes.as_mut().unwrap() {
                node.schedulable = false;
            }
        }),
        ("the namespace has no workload", |cluster| cluster.pod_views.clear()),
    ];
    for (words, change) in changes {
        let told = told(&foresight(change), "podproof");
        assert!(told.contains(words) && told.contains("remedy"), "{words}: {told}");
    }
}

#[test]
fn a_flag_that_names_nothing_is_foreseen_with_its_remedy() {
    let Foresight { cluster, .. } = foresight(|_| ());
    let nodes = Request { nodes: Nodes::Named(vec!["nine".into()]), ..request() };
    let like = Request { like: Some(("deployment".into(), "wbe".into())), ..request() };
    for (request, flag) in [(nodes, "--nodes"), (like, "--like")] {
        let told = render(&[*planned(&cluster, &request).unwrap_err()]);
        assert!(told.starts_with("✘ the flags of the run") && told.contains(flag), "{told}");
    }
}

#[test]
fn a_wait_for_a_node_is_foreseen() {
    let mut foresight = foresight(|_| ());
    foresight.homeless.push(Group::default());
    let told = told(&foresight, "podproof");
    assert!(told.contains("the run waits for one"), "{told}");
    assert_eq!(foresight.created().count(), 1 + foresight.plan.groups.len());
}

#[test]
fn a_kind_whose_permission_has_no_check_of_its_own_is_foreseen() {
    let unread = |resource: &str, forbidden| {
        let unread = Unreadable { what: Access::list(resource), forbidden, message: "no".into() };
        told(&foresight(|cluster| cluster.unread_pod_views.push(unread)), "podproof")
    };
    let told = unread("sandboxes.agents.x-k8s.io", true);
    let said = "? the survey of the namespace: the permission to list sandboxes.agents.x-k8s.io is missing";
    assert!(told.contains(said), "{told}");
    assert!(!unread("deployments", true).contains("the survey"));
    assert!(unread("deployments", false).contains("to list deployments failed: no"));
}

#[test]
fn a_claim_of_a_pod_is_foreseen() {
    let claim = Volume { kind: VolumeKind::Claim, source: "data".into(), ..Volume::default() };
    assert!(!foresight(|_| ()).may_have_claims());
    assert!(
        foresight(|cluster| {
            for pod_view in &mut cluster.pod_views {
                pod_view.volumes.push(claim.clone());
            }
        })
        .may_have_claims()
    );
}

#[test]
fn a_workload_that_could_not_be_read_may_have_a_claim() {
    let what = Access::list("statefulsets");
    let unread = Unreadable { what, forbidden: true, message: String::new() };
    assert!(foresight(|cluster| cluster.unread_pod_views.push(unread)).may_have_claims());
}

#[test]
fn an_entry_of_the_policy_file_that_selects_nothing_is_foreseen() {
    let entry = |name: &str| Entry {
        selects: Selects::Workload("deployment".into(), name.into()),
        namespace: None,
        place: "podproof.toml, line 3".into(),
    };
    let Foresight { cluster, .. } = foresight(|_| ());
    let planned = |entry| {
        let request = Request { entries: vec![entry], ..request() };
        planned(&cluster, &request)
    };
    assert_eq!(planned(entry("web")).unwrap().groups.len(), 1);
    let refused = planned(entry("wbe")).unwrap_err();
    let told = render(&[*refused]);
    assert!(told.contains("has no deployment/wbe, which podproof.toml, line 3, names"), "{told}");
}

#[test]
fn a_label_of_the_user_that_a_policy_of_the_control_namespace_selects_is_foreseen() {
    let closed = json!({
        "podSelector": { "matchLabels": { "team": "red" } }, "policyTypes": ["Ingress"],
    });
    let mut foresight = foresight(|cluster| {
        let mut policy = fixture::network_policy("closed", &closed);
        policy["metadata"]["namespace"] = json!("podproof");
        cluster.control.as_mut().unwrap().policies = fixture::policies(&[policy]);
    });
    assert!(told(&foresight, "podproof").contains("no policy shuts off the listener"));
    foresight.marks.insert("team".into(), "red".into());
    let told = told(&foresight, "podproof");
    assert!(told.contains("shuts its listener off (NetworkPolicy closed)"), "{told}");
}

#[test]
fn the_judged_namespace_is_no_control_namespace() {
    let told = told(&foresight(|_| ()), "shop");
    assert!(told.contains(manifest::CONTROL_IN_JUDGED), "{told}");
}
