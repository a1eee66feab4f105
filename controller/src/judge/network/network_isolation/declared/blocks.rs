//! A block of an allowing rule may contain pods and nodes, and a denying rule before it may deny the outside alone.

use serde_json::{Value, json};

use super::super::REQUIREMENT;
use crate::fixture;

/// Returns a Calico policy that denies egress to a destination, before an allowing NetworkPolicy for a block, and what Calico
/// has beside.
fn cluster(destination: &Value) -> Vec<Value> {
    let calico = |kind: &str, mut object: Value| {
        object["apiVersion"] = "crd.projectcalico.org/v1".into();
        object["kind"] = kind.into();
        object
    };
    let deny = json!({ "action": "Deny", "destination": destination });
    let spec = json!({ "order": 1.0, "types": ["Egress"], "egress": [deny] });
    let block = json!({ "ipBlock": { "cidr": "10.0.0.0/29" } });
    let to_block = json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": [{ "to": [block] }] });
    let lists = ["GlobalNetworkSetList", "NetworkSetList", "HostEndpointList"];
    let lists = lists.map(|kind| calico(kind, json!({ "items": [] })));
    let mut objects = vec![
        fixture::default_deny(),
        fixture::network_policy("to-block", &to_block),
        calico("GlobalNetworkPolicy", json!({ "metadata": { "name": "deny" }, "spec": spec })),
        calico("Tier", json!({ "metadata": { "name": "default" }, "spec": { "order": 100.0 } })),
    ];
    objects.extend(lists);
    objects
}

#[test]
fn a_denied_outside_does_not_show_that_pods_in_a_block_are_denied() {
    for (destination, expected) in [
        (json!({}), "met"),
        (json!({ "nets": ["10.0.0.0/8"] }), "met"),
        (json!({ "notNets": ["192.0.2.0/24"] }), "met"),
        (json!({ "notSelector": "!has(k)" }), "open"),
        (json!({ "notSelector": "all()" }), "open"),
        (json!({ "notSelector": "k == 'x'" }), "open"),
        (json!({ "notSelector": "k == 'x'", "nets": ["10.0.0.0/8"] }), "open"),
        (json!({ "nets": ["192.0.2.0/24"] }), "unmet"),
        (json!({ "selector": "has(k)" }), "unmet"),
    ] {
        let mut case = fixture::pod();
        fixture::bind(&mut case, &cluster(&destination));
        let judgement = fixture::judged(&REQUIREMENT, &case);
        assert_eq!(fixture::told(&judgement), expected, "{destination}: {judgement:?}");
    }
}
