//! Policies that let traffic pass which no attempt tries.

use std::net::SocketAddr;

use super::*;

/// Returns a case whose namespace denies everything but what a policy of Cilium lets pass.
fn beside_cilium(egress: &Value) -> Case {
    let policy = json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": { "name": "out", "namespace": "shop" },
        "spec": { "endpointSelector": {}, "egress": [egress] },
    });
    let mut case = fixture::pod();
    fixture::bind(&mut case, &[fixture::default_deny(), policy]);
    case
}

/// Any pod of the cluster may give the name to any number.
#[test]
fn a_named_port_towards_addresses_is_open() {
    let named = json!([{ "ports": [{ "port": "exfil", "protocol": "TCP" }] }]);
    for peers in [json!({ "toCIDR": ["0.0.0.0/0"] }), json!({ "toEntities": ["world"] })] {
        let mut egress = peers.clone();
        egress["toPorts"] = named.clone();
        assert_eq!(fixture::told(&judge(&beside_cilium(&egress))), "open", "{peers}");
    }
    let pods = json!({ "toEntities": ["ingress"], "toPorts": named });
    assert_eq!(fixture::told(&judge(&beside_cilium(&pods))), "unmet");
}

/// The fixture's API server has endpoints, of which Cilium makes the entity.
#[test]
fn an_allowed_api_server_allows_policies_for_its_entity() {
    let server: SocketAddr = "10.99.0.2:6443".parse().unwrap();
    let other: SocketAddr = "10.99.0.3:6443".parse().unwrap();
    for (servers, port, expected) in [
        (vec![server], "6443", "met"),
        (vec![server, other], "6443", "unmet"),
        (vec![server], "443", "unmet"),
        (Vec::new(), "6443", "open"),
    ] {
        let egress = json!({
            "toEntities": ["kube-apiserver"],
            "toPorts": [{ "ports": [{ "port": port, "protocol": "TCP" }] }],
        });
        let mut case = beside_cilium(&egress);
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.api_endpoints = Ok(servers.clone());
        let allowed = fixture::allowed(server.ip(), Some(server.port()));
        case.surroundings.profile = Profile { kind: Kind::AllowList, allowed: vec![allowed] };
        assert_eq!(fixture::told(&judge(&case)), expected, "{servers:?} {port}");
    }
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
