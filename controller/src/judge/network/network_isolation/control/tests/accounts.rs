//! Policies that select by service accounts. The probe runs by the account `default`, and its pods perhaps by another one.

use super::*;

/// Returns the judgement of pods with this account, which a policy closes that selects pods by an account.
fn judged(pods: &str, selected: &str) -> Outcome {
    let mut case = fixture::pod();
    let account = json!({ "matchLabels": { "io.cilium.k8s.policy.serviceaccount": selected } });
    let policy = json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": { "name": "by-account", "namespace": "shop" },
        "spec": { "endpointSelector": account, "egress": [{}] },
    });
    fixture::bind(&mut case, &[policy]);
    let known = fixture::in_cluster(&mut case);
    known.group.service_account = pods.into();
    if pods.is_empty() {
        known.pod.as_mut().unwrap().service_account.clear();
    }
    judge(&case).outcome
}

#[test]
fn a_policy_for_the_probes_account_says_nothing_of_pods_with_another_one() {
    let Outcome::Inconclusive(why) = judged("web", "default") else { panic!("decided") };
    assert!(why.contains("CiliumNetworkPolicy by-account binds the probe pod alone"), "{why}");
}

#[test]
fn a_policy_for_the_account_of_probe_and_pods_is_shown() {
    assert_eq!(judged("default", "default"), Outcome::Met);
}

#[test]
fn accounts_that_saved_evidence_lacks_may_differ() {
    let Outcome::Inconclusive(why) = judged("", "default") else { panic!("decided") };
    assert!(why.contains("by-account may tell them apart by their service accounts"), "{why}");
}

#[test]
fn another_account_is_bound_alike_if_no_policy_selects_by_it() {
    let mut case = fixture::pod();
    fixture::in_cluster(&mut case).group.service_account = "web".into();
    assert_eq!(judge(&case).outcome, Outcome::Met);
}
