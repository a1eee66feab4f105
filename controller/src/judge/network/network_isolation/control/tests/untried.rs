//! Policies that let traffic pass which no attempt tries.

use super::*;

/// Returns how a namespace is told that denies everything but what one policy of Cilium lets pass.
fn beside_cilium(egress: &Value, allowed: Vec<Allowed>) -> &'static str {
    let policy = json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": { "name": "out", "namespace": "shop" },
        "spec": { "endpointSelector": {}, "egress": [egress] },
    });
    let mut case = fixture::pod();
    fixture::bind(&mut case, &[fixture::default_deny(), policy]);
    case.surroundings.profile = Profile { kind: Kind::AllowList, allowed };
    fixture::told(&judge(&case))
}

/// Any pod of the cluster may give the name to any number.
#[test]
fn a_named_port_towards_addresses_is_open() {
    let named = json!([{ "ports": [{ "port": "exfil", "protocol": "TCP" }] }]);
    for peers in [json!({ "toCIDR": ["0.0.0.0/0"] }), json!({ "toEntities": ["world"] })] {
        let mut egress = peers.clone();
        egress["toPorts"] = named.clone();
        assert_eq!(beside_cilium(&egress, Vec::new()), "open", "{peers}");
    }
    let pods = json!({ "toEntities": ["ingress"], "toPorts": named });
    assert_eq!(beside_cilium(&pods, Vec::new()), "unmet");
}

/// Calico reads such a block as half of IPv4.
#[test]
fn a_block_of_ipv4_that_is_written_as_ipv6_is_open() {
    let mut case = fixture::pod();
    with_egress(
        &mut case,
        &json!({ "to": [{ "ipBlock": { "cidr": "::ffff:0:0/97" } }], "ports": [{ "port": 8443 }] }),
    );
    assert_eq!(fixture::told(&judge(&case)), "open");
}

/// Cilium leaves labels of Kubernetes' domains out of identities.
#[test]
fn a_policy_that_selects_by_a_reserved_label_is_open() {
    for (key, expected) in [("k8s.io/sandbox", "open"), ("example.com/sandbox", "met")] {
        let mut case = fixture::pod();
        let absent = json!({ "key": key, "operator": "DoesNotExist" });
        let policy = json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": { "name": "legacy", "namespace": "shop" },
            "spec": {
                "podSelector": { "matchExpressions": [absent] },
                "policyTypes": ["Egress"],
                "egress": [{ "to": [{ "ipBlock": { "cidr": "203.0.113.0/24" } }] }],
            },
        });
        fixture::bind(&mut case, &[fixture::default_deny(), policy]);
        let known = fixture::in_cluster(&mut case);
        known.group.labels.insert(key.into(), "true".into());
        if let Some(pod) = &mut known.pod {
            pod.labels.get_or_insert_default().insert(key.into(), "true".into());
        }
        assert_eq!(fixture::told(&judge(&case)), expected, "{key}");
    }
}
