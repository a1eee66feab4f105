//! The peers that a rule matches.

use super::*;

/// The peers of the tables: an own pod, a pod of another namespace, an address, the pod's node, another node, a node with
/// the API server, and an API server outside of the cluster.
fn row(rule: &Value, clusters: bool) -> [Is; 7] {
    let (own, other) =
        (pod("shop", &[("app", "api")], [10, 0, 0, 2]), pod("tools", &[("app", "api")], [10, 0, 0, 3]));
    let peers = [
        Peer::Pod(&own),
        Peer::Pod(&other),
        outside(),
        host(Some(Node::OfThePod), false),
        host(Some(Node::Another), false),
        host(Some(Node::Another), true),
        host(None, true),
    ];
    let spec = json!({ "endpointSelector": {}, "egress": [rule] });
    let object = if clusters { clusterwide(&spec) } else { namespaced(&spec) };
    peers.map(|peer| is(&verdict(std::slice::from_ref(&object), &web(), Direction::Egress, peer, 443)))
}

fn letters(row: [Is; 7]) -> String {
    row.map(|is| match is {
        Passing => 'p',
        Closed => '-',
        NotEvaluated => '?',
    })
    .iter()
    .collect()
}

/// `EntitySelectorMapping`; the labels of an API server outside of the cluster: `resolveLabels`.
#[test]
fn entities_are_kinds_of_peers() {
    for (entity, expected) in [
        ("all", "ppppppp"),
        ("none", "-------"),
        ("world", "--p---p"),
        ("world-ipv4", "--?---?"),
        ("world-ipv6", "-------"),
        ("cluster", "pp-pppp"),
        ("cluster-mesh", "pp-pppp"),
        ("host", "---p---"),
        ("remote-node", "----pp-"),
        ("kube-apiserver", "-----pp"),
        ("init", "-------"),
        ("ingress", "-------"),
        ("health", "-------"),
        ("unmanaged", "??-----"),
    ] {
        assert_eq!(letters(row(&json!({ "toEntities": [entity] }), false)), expected, "{entity}");
        assert_eq!(letters(row(&json!({ "toEntities": [entity] }), true)), expected, "{entity}");
    }
    assert_eq!(letters(row(&json!({ "toEntities": ["host", "world"] }), false)), "--pp--p");
}

/// `getEndpointSelector`: a selector without a namespace means the policy's own one, and in a policy of the cluster pods of
/// every namespace; never nodes or addresses.
#[test]
fn endpoints_are_pods_of_the_policys_namespace_unless_they_name_another() {
    let any = |key: &str, value: &str| json!({ "matchLabels": { key: value } });
    let namespace = "k8s:io.kubernetes.pod.namespace";
    for (selector, in_namespace, in_cluster) in [
        (json!({}), "p------", "pp-----"),
        (any("app", "api"), "p------", "pp-----"),
        (any("app", "web"), "-------", "-------"),
        (any("reserved:host", ""), "---p---", "---p---"),
        (any("$host", ""), "---p---", "---p---"),
        (any("reserved:remote-node", ""), "----pp-", "----pp-"),
        (any("reserved:kube-apiserver", ""), "-----pp", "-----pp"),
        (any("reserved:world", ""), "???????", "???????"),
        (any(namespace, "tools"), "-p-----", "-p-----"),
        (any("io.kubernetes.pod.namespace", "tools"), "-p-----", "-p-----"),
        (any("io.cilium.k8s.namespace.labels.team", "tools"), "-p-----", "-p-----"),
        (any("io.cilium.k8s.policy.serviceaccount", "robot"), "p------", "pp-----"),
        (json!({ "matchExpressions": [{ "key": namespace, "operator": "Exists" }] }), "pp-----", "pp-----"),
        // Everything but pods of one namespace: outside of pods, a setting decides.
        (
            json!({ "matchExpressions": [{ "key": namespace, "operator": "NotIn", "values": ["shop"] }] }),
            "-p?????",
            "-p?????",
        ),
        (
            json!({ "matchExpressions": [{ "key": "io.cilium.k8s.namespace.labels.team", "operator": "NotIn", "values": ["shop"] }] }),
            "-p?????",
            "-p-----",
        ),
    ] {
        let rule = json!({ "toEndpoints": [selector] });
        assert_eq!(letters(row(&rule, false)), in_namespace, "{selector}");
        assert_eq!(letters(row(&rule, true)), in_cluster, "{selector} of the cluster");
    }
}

/// `mergeEndpointSelectors`: an empty list of some members selects nothing, also with ports; of the others it is no list.
#[test]
fn an_empty_list_selects_nothing() {
    let ports = json!([{ "ports": [{ "port": "443" }] }]);
    for (member, with_ports) in [
        ("toEndpoints", "-------"),
        ("toEntities", "-------"),
        ("toCIDR", "-------"),
        ("toCIDRSet", "-------"),
        ("toNodes", "-------"),
        ("toServices", "ppppppp"),
        ("toGroups", "ppppppp"),
        ("toFQDNs", "ppppppp"),
        ("toRequires", "ppppppp"),
    ] {
        assert_eq!(letters(row(&json!({ member: [] }), false)), "-------", "{member}");
        assert_eq!(letters(row(&json!({ member: [], "toPorts": ports }), false)), with_ports, "{member}");
        let null = json!({ member: null, "toPorts": ports });
        assert_eq!(letters(row(&null, false)), "ppppppp", "{member}");
    }
    assert_eq!(letters(row(&json!({ "toCIDR": [], "toEntities": ["all"] }), false)), "-------");
}

/// `EgressCommonRule.ToCIDR` and `CIDRSelector.Matches`: blocks are for addresses outside of the cluster. The setting
/// `policy-cidr-match-mode` may let them match pods and nodes.
#[test]
fn blocks_are_for_addresses_outside_of_the_cluster() {
    for (rule, expected) in [
        (json!({ "toCIDR": ["192.0.2.0/24"] }), "--p----"),
        (json!({ "toCIDR": ["192.0.2.1"] }), "--p----"),
        (json!({ "toCIDR": ["192.0.2.2"] }), "-------"),
        (json!({ "toCIDR": ["0.0.0.0/0"] }), "??p???p"),
        (json!({ "toCIDR": ["::/0"] }), "-------"),
        (json!({ "toCIDR": ["172.16.0.0/12"] }), "---???p"),
        (
            json!({ "toCIDRSet": [{ "cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "172.16.0.0/12"] }] }),
            "--p----",
        ),
        (json!({ "toCIDRSet": [{ "cidr": "192.0.2.0/24", "except": ["192.0.2.0/30"] }] }), "-------"),
        (
            json!({ "toCIDRSet": [{ "cidr": "192.0.2.0/24", "except": ["192.0.2.0/30"] }, { "cidr": "192.0.2.1/32" }] }),
            "--p----",
        ),
    ] {
        assert_eq!(letters(row(&rule, false)), expected, "{rule}");
    }
}

/// `EgressRule.ToFQDNs`: names never mean addresses of the cluster.
#[test]
fn names_leave_addresses_outside_of_the_cluster_unevaluated() {
    for names in [
        json!([{ "matchName": "example.org" }]),
        json!([{ "matchPattern": "*" }, { "matchName": "a.example" }]),
    ] {
        assert_eq!(letters(row(&json!({ "toFQDNs": names }), false)), "--?---?", "{names}");
    }
    let other_port =
        json!({ "toFQDNs": [{ "matchName": "example.org" }], "toPorts": [{ "ports": [{ "port": "80" }] }] });
    assert_eq!(letters(row(&other_port, false)), "-------");
}

/// Cilium resolves these members by objects that the model does not read. A Service that Cilium does not find leaves
/// `toPorts` open to every peer (`mergeEndpointSelectors` returns an empty list).
#[test]
fn members_that_hang_on_other_objects_are_named() {
    for (rule, expected) in [
        (
            json!({ "toServices": [{ "k8sService": { "serviceName": "db", "namespace": "data" } }] }),
            "???????",
        ),
        (
            json!({ "toServices": [{ "k8sServiceSelector": { "selector": {} } }], "toEndpoints": [] }),
            "???????",
        ),
        (json!({ "toGroups": [{ "aws": { "region": "x" } }] }), "???????"),
        (json!({ "toCIDRSet": [{ "cidrGroupRef": "offices" }] }), "???????"),
        (json!({ "toCIDRSet": [{ "cidrGroupSelector": { "matchLabels": { "a": "b" } } }] }), "???????"),
        (json!({ "toNodes": [{ "matchLabels": { "role": "db" } }] }), "---???-"),
    ] {
        assert_eq!(letters(row(&rule, false)), expected, "{rule}");
    }
    let object = namespaced(&json!({
        "endpointSelector": {}, "egress": [{ "toCIDRSet": [{ "cidrGroupRef": "offices" }] }],
    }));
    let Verdict::NotEvaluated(gaps) = verdict(&[object], &web(), Direction::Egress, outside(), 443) else {
        panic!("evaluated")
    };
    assert_eq!(gaps[0].place, "CiliumNetworkPolicy cnp, egress[0]");
    assert_eq!(gaps[0].why, "the CiliumCIDRGroup offices is not evaluated");
}

/// docs.cilium.io, "Entities based": pods in the node's network are the node.
#[test]
fn a_peer_in_the_nodes_network_is_a_node() {
    let peer = Endpoint { in_the_nodes_network: true, ..pod("shop", &[("app", "api")], [172, 16, 0, 1]) };
    for (rule, expected) in [
        (json!({ "toEndpoints": [{}] }), Closed),
        (json!({ "toEntities": ["cluster"] }), Passing),
        (json!({ "toEntities": ["host"] }), NotEvaluated),
        (json!({ "toEntities": ["world"] }), Closed),
        (json!({ "toNodes": [{}] }), NotEvaluated),
    ] {
        assert_eq!(by_rule(&rule, Peer::Pod(&peer)), expected, "{rule}");
    }
}

#[test]
fn ingress_has_the_same_peers() {
    let peer = pod("tools", &[("app", "api")], [10, 0, 0, 3]);
    for (rule, from_pod, from_outside) in [
        (json!({}), Closed, Closed),
        (json!({ "fromEndpoints": [{}] }), Closed, Closed),
        (
            json!({ "fromEndpoints": [{ "matchLabels": { "io.kubernetes.pod.namespace": "tools" } }] }),
            Passing,
            Closed,
        ),
        (json!({ "fromEntities": ["cluster"] }), Passing, Closed),
        (json!({ "fromCIDR": ["192.0.2.0/24"] }), Closed, Passing),
        (json!({ "fromCIDRSet": [{ "cidr": "192.0.2.0/24" }] }), Closed, Passing),
        (json!({ "fromGroups": [{}] }), NotEvaluated, NotEvaluated),
        (json!({ "fromNodes": [{}] }), Closed, Closed),
        (json!({ "toPorts": [{ "ports": [{ "port": "443" }] }] }), Passing, Passing),
    ] {
        let object = namespaced(&json!({ "endpointSelector": {}, "ingress": [rule.clone()] }));
        let from = |peer| is(&verdict(std::slice::from_ref(&object), &web(), Direction::Ingress, peer, 443));
        assert_eq!((from(Peer::Pod(&peer)), from(outside())), (from_pod, from_outside), "{rule}");
    }
}
