//! Labels that the probe, the control pods and their namespaces have for a part of the run.

use super::*;
use crate::case::cluster::{Labels, Later};

/// Closes pods with this label in the control namespace.
fn closing(key: &str) -> Value {
    let selector = json!({ "matchExpressions": [{ "key": key, "operator": "Exists" }] });
    of_control(&json!({ "podSelector": selector, "policyTypes": ["Ingress"] }))
}

/// Gives both control pods a label, at the start or later.
fn give(case: &mut Case, key: &str, later: bool) {
    let mut pods = ControlPods::planned(&Labels::new());
    for pod in [&mut pods.listener, &mut pods.control] {
        let mut labels = pod.labels.clone();
        labels.insert(key.into(), "yes".into());
        if later {
            pod.later_labels = Some(labels);
        } else {
            pod.labels = labels;
        }
    }
    fixture::in_cluster(case).control_pods = Some(pods);
}

#[test]
fn a_label_that_others_gave_the_listener_counts_at_the_start_and_later() {
    let mut case = fixture::pod();
    control(&mut case).policies = fixture::policies(&[closing("mesh")]);
    assert_eq!(judge(&case).outcome, Outcome::Met);
    for later in [false, true] {
        give(&mut case, "mesh", later);
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided, {later}") };
        assert!(why.contains("NetworkPolicy gate"), "{why}");
        assert!(why.contains("gave the control pods other labels (mesh=yes)"), "{why}");
    }
    give(&mut case, "other", false);
    assert_eq!(judge(&case).outcome, Outcome::Met);
}

#[test]
fn a_label_that_frees_the_listener_is_cited() {
    let mut case = fixture::pod();
    let free = json!({ "matchExpressions": [{ "key": "free", "operator": "DoesNotExist" }] });
    let closed = of_control(&json!({ "podSelector": free, "policyTypes": ["Ingress"] }));
    control(&mut case).policies = fixture::policies(&[closed]);
    assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    give(&mut case, "free", false);
    let judgement = judge(&case);
    assert_eq!(judgement.outcome, Outcome::Met, "{}", judgement.because);
    let cited = judgement.citations.iter().any(|citation| citation.text.contains("(free=yes)"));
    assert!(cited, "{:?}", judgement.citations);
}

/// Returns the control namespace's policy that lets pods in by the labels of their namespace alone.
fn letting_in(key: &str) -> Value {
    let from = json!([{ "namespaceSelector": { "matchLabels": { key: "yes" } } }]);
    let spec = json!({ "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{ "from": from }] });
    of_control(&spec)
}

#[test]
fn a_label_that_the_judged_namespace_lost_during_the_run_is_inconclusive() {
    let mut case = fixture::pod();
    control(&mut case).policies = fixture::policies(&[letting_in("trusted")]);
    let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
    cluster.bonds.labels = Ok([("trusted".to_owned(), "yes".to_owned())].into());
    assert_eq!(judge(&case).outcome, Outcome::Met);
    let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
    let policies = cluster.policies.clone();
    cluster.later = Some(Later { changes: Vec::new(), labels: Some(Labels::new()), policies });
    assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
}

#[test]
fn a_label_that_the_control_namespace_got_during_the_run_counts() {
    let admin = json!({
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": { "name": "gate" },
        "spec": {
            "priority": 5,
            "subject": { "namespaces": { "matchLabels": { "closed": "yes" } } },
            "ingress": [{ "action": "Deny", "from": [{ "namespaces": {} }] }],
        },
    });
    let mut case = fixture::pod();
    control(&mut case).policies = fixture::policies(&[admin]);
    assert_eq!(judge(&case).outcome, Outcome::Met);
    control(&mut case).later_labels = Some(Ok([("closed".to_owned(), "yes".to_owned())].into()));
    assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
}

#[test]
fn a_policy_that_bound_the_probe_alone_for_a_part_of_the_run_is_inconclusive() {
    let own = json!({
        "podSelector": { "matchLabels": { "own": "yes" } },
        "policyTypes": ["Egress"],
        "egress": [{ "ports": [{ "port": 443 }] }],
    });
    let objects = [fixture::default_deny(), fixture::network_policy("own", &own)];
    let labelled = |case: &mut Case, earlier: bool| {
        let known = fixture::in_cluster(case);
        let plain = known.group.labels.clone();
        let mut labels = plain.clone();
        labels.insert("own".into(), "yes".into());
        let pod = known.pod.as_mut().unwrap();
        (pod.labels, pod.earlier_labels) =
            if earlier { (Some(plain), Some(labels)) } else { (Some(labels), None) };
    };
    let mut case = fixture::pod();
    labelled(&mut case, true);
    assert_eq!(judge(&case).outcome, Outcome::Met);
    fixture::bind(&mut case, &objects);
    let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("by a label of the start") };
    assert!(why.contains("NetworkPolicy own binds the probe pod alone"), "{why}");
    let mut case = fixture::pod();
    labelled(&mut case, false);
    let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
    let policies = fixture::policies(&objects);
    cluster.later = Some(Later { changes: Vec::new(), labels: Some(Labels::new()), policies });
    let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("by a policy of the end") };
    assert!(why.contains("NetworkPolicy own binds the probe pod alone"), "{why}");
}
