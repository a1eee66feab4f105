//! Policies that deny a part of the egress and close none of the rest, beside a listener that is silent.

use serde_json::{Value, json};

use super::super::REQUIREMENT;
use crate::{
    case::{
        Case,
        cluster::{ControlPods, Labels},
        profile::Kind,
    },
    fixture,
};

fn of_cilium(deny: &Value) -> Value {
    json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": { "name": "deny", "namespace": "shop" },
        "spec": { "endpointSelector": {}, "enableDefaultDeny": { "egress": false }, "egressDeny": deny },
    })
}

/// Returns a case whose listener, which has an address, is silent beside these policies.
fn beside(policies: &[Value], profile: Kind) -> Case {
    let mut case = fixture::pod();
    fixture::bind(&mut case, policies);
    case.surroundings.profile.kind = profile;
    let mut pods = ControlPods::planned(&Labels::new());
    pods.listener.addresses = vec!["10.244.0.9".parse().unwrap()];
    fixture::in_cluster(&mut case).control_pods = Some(pods);
    case
}

fn judged(policies: &[Value], profile: Kind) -> &'static str {
    fixture::told(&fixture::judged(&REQUIREMENT, &beside(policies, profile)))
}

const PRIVATE: [&str; 8] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "240.0.0.0/4",
    "::/0",
];

#[test]
fn a_policy_that_denies_the_listener_shows_nothing_of_what_it_leaves_open() {
    let to = |entities: &[&str]| json!([{ "toEntities": entities }]);
    let listener = json!({ "matchLabels": { "io.kubernetes.pod.namespace": "podproof" } });
    let private = json!([{ "toEntities": ["cluster"] }, { "toCIDR": PRIVATE }]);
    let unread = json!([{ "toCIDRSet": [{ "cidrGroupRef": "offices" }] }]);
    for (deny, beyond_nothing, beyond_public) in [
        (to(&["cluster"]), "unmet", "unmet"),
        (json!([{ "toEndpoints": [listener] }]), "unmet", "unmet"),
        (private, "unmet", "met"),
        (to(&["all"]), "met", "met"),
        (unread, "open", "open"),
    ] {
        let policy = [of_cilium(&deny)];
        assert_eq!(judged(&policy, Kind::DenyAll), beyond_nothing, "{deny}");
        assert_eq!(judged(&policy, Kind::NoPrivate), beyond_public, "{deny} beyond public addresses");
    }
}

#[test]
fn the_reason_names_the_policy_and_what_passes() {
    let case = beside(&[of_cilium(&json!([{ "toEntities": ["cluster"] }]))], Kind::NoPrivate);
    let because = fixture::judged(&REQUIREMENT, &case).because;
    let words = "CiliumNetworkPolicy deny (which denies a part of the egress and leaves the rest open) lets 1/TCP to every address";
    assert!(because.contains(words), "{because}");
}

#[test]
fn a_rule_that_does_not_deny_the_listener_does_not_explain_its_silence() {
    let metadata = of_cilium(&json!([{ "toCIDR": ["169.254.169.254/32"] }]));
    assert_eq!(judged(&[metadata], Kind::DenyAll), "met");
}

#[test]
fn a_policy_that_closes_the_rest_is_met_beside_a_policy_that_only_denies() {
    let deny = of_cilium(&json!([{ "toEntities": ["cluster"] }]));
    assert_eq!(judged(&[fixture::default_deny(), deny], Kind::DenyAll), "met");
}

#[test]
fn policies_of_other_kinds_that_only_deny_pods_leave_the_rest_open() {
    let admin = json!({
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": { "name": "deny" },
        "spec": {
            "priority": 5,
            "subject": { "namespaces": {} },
            "egress": [{ "action": "Deny", "to": [{ "namespaces": {} }] }],
        },
    });
    let calico = |kind: &str, name: &str, spec: Value| json!({ "apiVersion": "crd.projectcalico.org/v1", "kind": kind, "metadata": { "name": name }, "spec": spec });
    let tier = calico("Tier", "first", json!({ "order": 1.0, "defaultAction": "Pass" }));
    let rules = json!([{ "action": "Deny", "destination": { "namespaceSelector": "all()" } }]);
    let spec = json!({ "tier": "first", "types": ["Egress"], "egress": rules });
    let lists = ["NetworkSetList", "GlobalNetworkSetList", "HostEndpointList"]
        .map(|kind| json!({ "apiVersion": "crd.projectcalico.org/v1", "kind": kind, "items": [] }));
    let mut of_calico = vec![tier, calico("GlobalNetworkPolicy", "first.deny", spec)];
    of_calico.extend(lists);
    for policies in [vec![admin], of_calico] {
        assert_eq!(judged(&policies, Kind::DenyAll), "unmet", "{policies:?}");
    }
}

#[test]
fn a_kind_that_is_not_evaluated_may_deny_the_listener_alone() {
    let of = |group: &str, kind: &str, rule: Value| {
        json!({
            "apiVersion": format!("{group}/v1"), "kind": kind,
            "metadata": { "name": "x", "namespace": "shop" }, "spec": { "egress": [rule] },
        })
    };
    let antrea = of("crd.antrea.io", "NetworkPolicy", json!({ "action": "Drop" }));
    let firewall = of("k8s.ovn.org", "EgressFirewall", json!({ "type": "Deny" }));
    assert_eq!(judged(std::slice::from_ref(&antrea), Kind::DenyAll), "open");
    assert_eq!(judged(&[antrea, fixture::default_deny()], Kind::DenyAll), "met");
    assert_eq!(judged(&[firewall], Kind::DenyAll), "met");
}
