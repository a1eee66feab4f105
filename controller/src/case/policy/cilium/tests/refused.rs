//! Objects that Cilium refuses, or that this model does not know: nothing is known of their effect.

use super::*;

fn by(object: &Value) -> Is {
    let open = namespaced(&json!({ "endpointSelector": {}, "egress": [{ "toEntities": ["all"] }] }));
    let closed = namespaced(&json!({ "endpointSelector": {}, "egress": [{}] }));
    let [beside_open, beside_closed] = [open, closed]
        .map(|other| is(&verdict(&[other, object.clone()], &web(), Direction::Egress, outside(), 443)));
    assert_eq!(beside_open, beside_closed, "{object}");
    beside_open
}

/// `Rule.Sanitize`, `EgressCommonRule.sanitize`, `CIDRRule.sanitize`, `PortProtocol.sanitize`.
#[test]
fn a_rule_that_cilium_refuses_is_not_evaluated() {
    for rule in [
        json!({ "toEndpoints": [{}], "toEntities": ["all"] }),
        json!({ "toCIDR": ["192.0.2.1"], "toFQDNs": [{ "matchName": "example.org" }] }),
        json!({ "toRequires": [{ "matchLabels": { "app": "web" } }] }),
        json!({ "toEntities": ["universe"] }),
        json!({ "toCIDR": ["everything"] }),
        json!({ "toCIDRSet": [{ "cidr": "192.0.2.1" }] }),
        json!({ "toCIDRSet": [{ "cidr": "192.0.2.0/24", "except": ["198.51.100.0/24"] }] }),
        json!({ "toCIDRSet": [{}] }),
        json!({ "toCIDRSet": [{ "cidr": "192.0.2.0/24", "cidrGroupRef": "offices" }] }),
        json!({ "toFQDNs": [{}] }),
        json!({ "toEndpoints": [{ "matchExpressions": [{ "key": "a", "operator": "Gt" }] }] }),
        json!({ "toEndpoints": "all" }),
        json!({ "toSomething": [] }),
        json!({ "toPorts": [{ "ports": [{ "port": "443" }] }], "icmps": [{}] }),
        json!({ "toPorts": [{ "ports": [{}] }] }),
        json!({ "toPorts": [{ "ports": [{ "port": "010" }] }] }),
        json!({ "toPorts": [{ "ports": [{ "port": "65536" }] }] }),
        json!({ "toPorts": [{ "ports": [{ "port": "a--b" }] }] }),
        json!({ "toPorts": [{ "ports": [{ "port": "9", "endPort": 8 }] }] }),
        json!({ "toPorts": [{ "ports": [{ "port": "9", "protocol": "ICMP" }] }] }),
    ] {
        let object = namespaced(&json!({ "endpointSelector": {}, "egress": [rule] }));
        assert_eq!(by(&object), NotEvaluated, "{rule}");
    }
}

#[test]
fn a_part_that_cilium_refuses_leaves_the_whole_object_unevaluated() {
    let good = json!({ "endpointSelector": {}, "ingress": [{}] });
    for part in [
        json!({ "egress": [{}] }),
        json!({ "endpointSelector": {}, "nodeSelector": {}, "egress": [{}] }),
        json!({ "nodeSelector": {}, "egress": [{}] }),
        json!({ "endpointSelector": {} }),
        json!({ "endpointSelector": {}, "egress": [{}], "tier": "first" }),
        json!({ "endpointSelector": {}, "egress": [{}], "enableDefaultDeny": { "egress": "no" } }),
    ] {
        let mut object = namespaced(&good);
        object["specs"] = json!([part]);
        assert_eq!(by(&object), NotEvaluated, "{part}");
    }
}

/// Cilium's operator writes the condition (`operator/pkg/networkpolicy/validator.go`).
#[test]
fn an_object_whose_status_says_that_it_is_refused_is_not_evaluated() {
    let mut object = namespaced(&json!({ "endpointSelector": {}, "egress": [{}] }));
    for (status, expected) in [("True", true), ("False", false)] {
        object["status"] = json!({ "conditions": [{ "type": "Valid", "status": status }] });
        let verdict = verdict(std::slice::from_ref(&object), &web(), Direction::Egress, outside(), 443);
        assert_eq!(is(&verdict) == Closed, expected, "{verdict:?}");
    }
}

#[test]
fn a_refused_object_of_another_namespace_is_nothing_to_a_pod() {
    let object = namespaced(&json!({ "egress": [{}] }));
    let other = pod("tools", &[], [10, 0, 0, 2]);
    assert_eq!(verdict(&[object], &other, Direction::Egress, outside(), 443), Verdict::Open);
}

#[test]
fn an_object_without_a_part_binds_nothing() {
    let mut object = namespaced(&Value::Null);
    assert_eq!(
        verdict(std::slice::from_ref(&object), &web(), Direction::Egress, outside(), 443),
        Verdict::Open
    );
    object["specs"] = json!([]);
    assert_eq!(verdict(&[object], &web(), Direction::Egress, outside(), 443), Verdict::Open);
}
