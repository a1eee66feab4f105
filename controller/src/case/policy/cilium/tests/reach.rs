//! Egress that Cilium's policies let pass beyond a limit.

use std::net::IpAddr;

use super::*;
use crate::case::policy::{
    Block, PeerRule, PodPort,
    reach::{Excesses, Limit},
};

/// A limit that permits nothing, or public addresses alone.
struct Permitting {
    public: bool,
}

impl Limit for Permitting {
    fn blocks(&self) -> Vec<Block> {
        ["10.0.0.0/8", "172.16.0.0/12", "fd00::/8"].into_iter().filter_map(Block::parse).collect()
    }

    fn ports(&self) -> Vec<u16> {
        Vec::new()
    }

    fn is_none(&self) -> bool {
        !self.public
    }

    fn permits(&self, address: IpAddr, _: u16, _: Transport) -> bool {
        self.public && !self.blocks().iter().any(|block| block.contains(address))
    }

    fn permits_unknown(&self, _: &PeerRule, _: u16, _: Transport) -> Option<bool> {
        if self.public { None } else { Some(false) }
    }

    fn permits_pods(&self, _: &PeerRule, _: &PodPort, _: Transport) -> Result<bool, String> {
        Ok(false)
    }
}

/// Returns if egress exceeds the limit (`Passing`), keeps it (`Closed`), or is not evaluated.
fn exceeds(egress: &Value, deny: &Value, public: bool) -> Is {
    let object = namespaced(&json!({ "endpointSelector": {}, "egress": [egress], "egressDeny": deny }));
    let policies = Policies::of(vec![object], Vec::new());
    let Excesses { found, gaps } = policies.excess(&web(), &Permitting { public });
    match (found.is_empty(), gaps.is_empty()) {
        (false, _) => Passing,
        (true, false) => NotEvaluated,
        (true, true) => Closed,
    }
}

#[test]
fn egress_beyond_the_limit_is_found() {
    let entity = |name: &str| json!({ "toEntities": [name] });
    for (egress, beyond_nothing, beyond_public) in [
        (json!({}), Closed, Closed),
        (json!({ "toPorts": [{ "ports": [{ "port": "443" }] }] }), Passing, Passing),
        (json!({ "toCIDR": ["192.0.2.0/24"] }), Passing, Closed),
        (json!({ "toCIDR": ["10.1.0.0/16"] }), Passing, Passing),
        (
            json!({ "toCIDRSet": [{ "cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "172.16.0.0/12"] }] }),
            Passing,
            Closed,
        ),
        (json!({ "toFQDNs": [{ "matchName": "example.org" }] }), Passing, NotEvaluated),
        (json!({ "toEndpoints": [{}] }), Passing, Passing),
        (json!({ "toServices": [{ "k8sService": { "serviceName": "db" } }] }), NotEvaluated, NotEvaluated),
        (json!({ "toNodes": [{}] }), Passing, NotEvaluated),
        (json!({ "toCIDR": ["192.0.2.0/24"], "icmps": [{ "fields": [{ "type": 8 }] }] }), Passing, Closed),
        (json!({ "toCIDR": ["10.1.0.0/16"], "icmps": [{ "fields": [{ "type": 8 }] }] }), Passing, Passing),
        (json!({ "toCIDR": ["8.0.0.0/5"], "icmps": [{ "fields": [{ "type": 8 }] }] }), Passing, Passing),
        (
            json!({
                "toCIDRSet": [{ "cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "172.16.0.0/12"] }],
                "icmps": [{ "fields": [{ "type": 8 }] }],
            }),
            Passing,
            Closed,
        ),
        (json!({ "toCIDR": ["192.0.2.0/24"], "icmps": [{}] }), Closed, Closed),
        (json!({ "icmps": [{ "fields": [{ "family": "IPv6", "type": "EchoRequest" }] }] }), Passing, Passing),
        (json!({ "toPorts": [{ "ports": [{ "port": "0", "protocol": "GRE" }] }] }), Passing, Passing),
        (
            json!({ "toEntities": ["none"], "toPorts": [{ "ports": [{ "protocol": "ESP" }] }] }),
            Closed,
            Closed,
        ),
        (entity("world"), Passing, Passing),
        (entity("all"), Passing, Passing),
        (entity("cluster"), Passing, Passing),
        (entity("kube-apiserver"), Passing, NotEvaluated),
        (entity("none"), Closed, Closed),
    ] {
        assert_eq!(exceeds(&egress, &Value::Null, false), beyond_nothing, "{egress}");
        assert_eq!(exceeds(&egress, &Value::Null, true), beyond_public, "{egress} beyond public addresses");
    }
}

#[test]
fn a_rule_that_denies_keeps_the_limit() {
    let world = json!({ "toEntities": ["world"] });
    let private = json!([{ "toCIDR": ["10.0.0.0/8", "172.16.0.0/12", "fd00::/8"] }]);
    assert_eq!(exceeds(&world, &private, true), Closed);
    assert_eq!(exceeds(&world, &json!([{ "toEntities": ["world"] }]), false), Closed);
    assert_eq!(exceeds(&world, &json!([{ "toFQDNs": [] }]), true), NotEvaluated);
}

/// A rule without peers also leads to pods and nodes, which a rule that denies the outside does not deny.
#[test]
fn a_rule_for_every_peer_leads_into_the_cluster_beside_a_denied_outside() {
    let every = json!({ "toPorts": [{ "ports": [{ "port": "443" }] }] });
    let denied = |names: &[&str]| json!([{ "toEntities": names }]);
    for (deny, beyond_nothing) in [
        (denied(&["world"]), Passing),
        (json!([{ "toCIDR": ["0.0.0.0/0", "::/0"] }]), NotEvaluated),
        (json!([{ "toEntities": ["world"] }, { "toEndpoints": [{ "matchLabels": { "k": "x" } }] }]), Passing),
        (json!([{ "toEntities": ["world"] }, { "toEndpoints": [{}] }]), Passing),
        (denied(&["world", "cluster"]), Closed),
        (denied(&["all"]), Closed),
    ] {
        assert_eq!(exceeds(&every, &deny, false), beyond_nothing, "{deny}");
    }
}

/// Calico compares addresses, so that a denied block holds for the pods in it.
#[test]
fn a_denied_block_of_calico_holds_for_pods() {
    let global = |rules: Value| {
        json!({
            "apiVersion": "crd.projectcalico.org/v1",
            "kind": "GlobalNetworkPolicy",
            "metadata": { "name": "g" },
            "spec": { "types": ["Egress"], "egress": rules },
        })
    };
    let private = json!(["10.0.0.0/8", "172.16.0.0/12", "fd00::/8"]);
    for (destination, within) in [
        (json!({ "nets": private }), true),
        (json!({ "notSelector": "all()" }), false),
        (json!({ "nets": ["10.0.0.0/8"] }), false),
    ] {
        let rules = json!([{ "action": "Deny", "destination": destination }, { "action": "Allow", "protocol": "TCP" }]);
        let policies = Policies::of(vec![global(rules)], Vec::new());
        let Excesses { found, gaps } = policies.excess(&web(), &Permitting { public: true });
        assert_eq!(found.is_empty() && gaps.is_empty(), within, "{destination}: {found:?}, {gaps:?}");
    }
}
