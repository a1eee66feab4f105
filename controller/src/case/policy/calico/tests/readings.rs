//! The same object through both API groups, and policies of Kubernetes' kinds that Calico's API server shows.

use super::*;

fn of_server(kind: &str, name: &str, spec: &Value) -> Value {
    let mut object = object(kind, name, spec);
    object["apiVersion"] = "projectcalico.org/v3".into();
    object
}

#[test]
fn an_object_of_both_groups_is_read_once() {
    let spec = json!({ "selector": "all()", "types": ["Egress"], "egress": [{ "action": "Allow" }] });
    for (stored, shown) in [("default.p", "p"), ("default.p", "default.p"), ("p", "p")] {
        let objects = [object("NetworkPolicy", stored, &spec), of_server("NetworkPolicy", shown, &spec)];
        let policies = Policies::of(objects.to_vec(), Vec::new());
        assert_eq!((policies.read.len(), policies.opaque.len()), (1, 0), "{stored} {shown}");
    }
}

#[test]
fn groups_that_show_different_objects_are_not_evaluated() {
    let spec = |action: &str| json!({ "types": ["Egress"], "egress": [{ "action": action }] });
    let objects =
        [object("NetworkPolicy", "p", &spec("Deny")), of_server("NetworkPolicy", "p", &spec("Allow"))];
    assert_eq!(word(&outside(&objects)), "unknown");
}

#[test]
fn a_shown_network_policy_is_read_as_itself_alone() {
    let own = object("KubernetesPolicy", "own", &json!({ "podSelector": {}, "policyTypes": ["Egress"] }));
    let shown = of_server(
        "NetworkPolicy",
        "knp.default.own",
        &json!({ "order": 1000, "selector": "all()", "types": ["Egress"] }),
    );
    let policies = Policies::of(vec![own, shown.clone()], Vec::new());
    assert_eq!(policies.read.len(), 1, "{policies:?}");
    let alone = Policies::of(vec![shown], Vec::new());
    assert_eq!(alone.read.len(), 1, "{alone:?}");
}

#[test]
fn staged_policies_bind_nothing() {
    for kind in ["StagedNetworkPolicy", "StagedGlobalNetworkPolicy", "StagedKubernetesNetworkPolicy"] {
        let staged = object(kind, "p", &json!({ "types": ["Egress"] }));
        assert!(!crate::case::policy::kinds::may_bind("crd.projectcalico.org", kind), "{staged}");
    }
}

#[test]
fn a_tier_of_both_groups_is_one() {
    let spec = json!({ "order": 1 });
    let policy = object("GlobalNetworkPolicy", "t.p", &json!({ "tier": "t", "types": ["Egress"] }));
    let same = [object("Tier", "t", &spec), of_server("Tier", "t", &spec), policy.clone()];
    assert_eq!(word(&outside(&same)), "no");
    let other = [object("Tier", "t", &spec), of_server("Tier", "t", &json!({ "order": 2 })), policy];
    assert_eq!(word(&outside(&other)), "unknown");
}
