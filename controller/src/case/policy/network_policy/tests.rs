//! Tables of NetworkPolicies and of the traffic that they let pass. Each case cites the API's documentation by its field.

use serde_json::{Value, json};

use crate::case::policy::{Direction, Endpoint, Flow, NamedPort, Peer, Policies, Transport, Verdict};

use super::read;

fn pod(namespace: &str, labels: &[(&str, &str)], address: &str) -> Endpoint {
    let owned = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    Endpoint {
        namespace: namespace.into(),
        namespace_labels: Some(owned(&[("team", namespace)])),
        labels: owned(labels).into(),
        ports: vec![NamedPort { name: "http".into(), number: 8080, transport: Transport::Tcp }],
        addresses: vec![address.parse().unwrap()],
        service_account: "default".to_owned(),
        in_the_nodes_network: false,
    }
}

fn web() -> Endpoint {
    pod("shop", &[("app", "web")], "10.0.0.1")
}

fn policies(specs: &[Value]) -> Policies {
    let read = specs.iter().enumerate().map(|(index, spec)| {
        read(&json!({ "metadata": { "namespace": "shop", "name": format!("p{index}") }, "spec": spec }))
    });
    Policies { read: read.collect(), ..Policies::default() }
}

fn verdict(specs: &[Value], direction: Direction, peer: Peer<'_>, port: u16) -> Verdict {
    policies(specs).verdict(&web(), &Flow { direction, peer, port, transport: Transport::Tcp })
}

fn egress(spec: &Value, address: &str, port: u16) -> Verdict {
    verdict(std::slice::from_ref(spec), Direction::Egress, Peer::Address(address.parse().unwrap()), port)
}

fn is_allowed(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Open | Verdict::Allowed(_) => true,
        Verdict::Denied(_) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn types_default_to_ingress_and_to_egress_with_egress_rules() {
    for (spec, ingress, egress) in [
        (json!({ "podSelector": {} }), true, false),
        (json!({ "podSelector": {}, "egress": [] }), true, false),
        (json!({ "podSelector": {}, "egress": [{}] }), true, true),
        (json!({ "podSelector": {}, "policyTypes": [], "egress": [{}] }), true, true),
        (json!({ "podSelector": {}, "policyTypes": ["Egress"] }), false, true),
        (json!({ "podSelector": {}, "policyTypes": ["Egress"], "ingress": [{}] }), false, true),
        (json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] }), true, true),
    ] {
        let read = &policies(std::slice::from_ref(&spec)).read[0];
        assert_eq!((read.ingress.is_some(), read.egress.is_some()), (ingress, egress), "{spec}");
    }
}

#[test]
fn an_empty_rule_allows_everything_and_no_rule_nothing() {
    let spec = |rules: Value| json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": rules });
    for (rules, allowed) in [
        (json!([]), false),
        (Value::Null, false),
        (json!([{}]), true),
        (json!([{ "to": [], "ports": [] }]), true),
        (json!([{ "to": null }]), true),
    ] {
        let verdict = egress(&spec(rules.clone()), "192.0.2.1", 443);
        assert_eq!(is_allowed(&verdict), allowed, "{rules}");
    }
}

#[test]
fn a_policy_binds_the_selected_pods_of_its_namespace() {
    for (selector, bound) in [
        (json!({}), true),
        (Value::Null, true),
        (json!({ "matchLabels": { "app": "web" } }), true),
        (json!({ "matchLabels": { "app": "api" } }), false),
        (json!({ "matchExpressions": [{ "key": "app", "operator": "NotIn", "values": ["web"] }] }), false),
        (json!({ "matchExpressions": [{ "key": "podproof.dev/run", "operator": "Exists" }] }), false),
    ] {
        let spec = json!({ "podSelector": selector, "policyTypes": ["Egress"] });
        assert_eq!(egress(&spec, "192.0.2.1", 443) != Verdict::Open, bound, "{selector}");
    }
    let elsewhere = pod("other", &[("app", "web")], "10.0.0.9");
    let flow = Flow {
        direction: Direction::Egress,
        peer: Peer::Address([192, 0, 2, 1].into()),
        port: 443,
        transport: Transport::Tcp,
    };
    let spec = json!({ "podSelector": {}, "policyTypes": ["Egress"] });
    assert_eq!(policies(&[spec]).verdict(&elsewhere, &flow), Verdict::Open);
}

#[test]
fn a_block_matches_addresses_outside_of_its_exceptions() {
    let to = json!([{ "ipBlock": { "cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.2.3.4/32"] } }]);
    let spec = json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": [{ "to": to }] });
    for (address, allowed) in [
        ("10.0.0.7", true),
        ("10.1.0.7", false),
        ("10.2.3.4", false),
        ("10.2.3.5", true),
        ("192.0.2.1", false),
        ("2001:db8::1", false),
    ] {
        assert_eq!(is_allowed(&egress(&spec, address, 443)), allowed, "{address}");
    }
}

#[test]
fn selectors_of_namespace_and_pod_combine() {
    let own = pod("shop", &[("app", "api")], "10.0.0.2");
    let other = pod("tools", &[("app", "api")], "10.0.0.3");
    let plain = pod("tools", &[], "10.0.0.4");
    let api = json!({ "matchLabels": { "app": "api" } });
    let tools = json!({ "matchLabels": { "team": "tools" } });
    for (peer, expected) in [
        (json!({ "podSelector": {} }), [true, false, false]),
        (json!({ "podSelector": api }), [true, false, false]),
        (json!({ "namespaceSelector": {} }), [true, true, true]),
        (json!({ "namespaceSelector": tools }), [false, true, true]),
        (json!({ "namespaceSelector": tools, "podSelector": api }), [false, true, false]),
        (json!({ "namespaceSelector": {}, "podSelector": api }), [true, true, false]),
    ] {
        let spec = json!({ "podSelector": {}, "ingress": [{ "from": [peer.clone()] }] });
        let allowed = [&own, &other, &plain].map(|from| {
            is_allowed(&verdict(std::slice::from_ref(&spec), Direction::Ingress, Peer::Pod(from), 80))
        });
        assert_eq!(allowed, expected, "{peer}");
        let outside = Peer::Address([192, 0, 2, 1].into());
        assert!(!is_allowed(&verdict(&[spec], Direction::Ingress, outside, 80)), "{peer}");
    }
}

#[test]
fn ports_match_by_number_range_name_and_protocol() {
    for (ports, port, allowed) in [
        (json!([{ "port": 443 }]), 443, true),
        (json!([{ "port": 443 }]), 444, false),
        (json!([{ "port": 443, "protocol": "UDP" }]), 443, false),
        (json!([{ "protocol": "TCP" }]), 1, true),
        (json!([{ "protocol": "SCTP" }]), 1, false),
        (json!([{}]), 1, true),
        (json!([{ "port": 8000, "endPort": 8010 }]), 8010, true),
        (json!([{ "port": 8000, "endPort": 8010 }]), 8011, false),
        (json!([{ "port": "http" }]), 8080, true),
        (json!([{ "port": "http" }]), 80, false),
        (json!([{ "port": "http", "protocol": "UDP" }]), 8080, false),
        (json!([{ "port": "none" }]), 8080, false),
        (json!([{ "port": 1 }, { "port": 2 }]), 2, true),
    ] {
        let peer = pod("tools", &[], "10.0.0.3");
        for (direction, field) in [(Direction::Ingress, "ingress"), (Direction::Egress, "egress")] {
            let spec = json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"], field: [{ "ports": ports }] });
            let verdict = verdict(&[spec], direction, Peer::Pod(&peer), port);
            assert_eq!(is_allowed(&verdict), allowed, "{field} {ports} {port}");
        }
    }
}

#[test]
fn a_named_port_of_an_address_matches_nothing() {
    let spec = json!({ "podSelector": {}, "egress": [{ "ports": [{ "port": "http" }] }] });
    assert!(!is_allowed(&egress(&spec, "192.0.2.1", 8080)));
}

#[test]
fn policies_add_up_and_the_verdict_names_them() {
    let closed = json!({ "podSelector": {}, "policyTypes": ["Egress"] });
    let open = json!({ "podSelector": {}, "policyTypes": ["Egress"],
        "egress": [{ "ports": [{ "port": 53 }] }, { "ports": [{ "port": 443 }] }] });
    let to = |port| {
        verdict(
            &[closed.clone(), open.clone()],
            Direction::Egress,
            Peer::Address([192, 0, 2, 1].into()),
            port,
        )
    };
    assert_eq!(to(443), Verdict::Allowed("NetworkPolicy p1, egress[1]".to_owned()));
    assert_eq!(to(80), Verdict::Denied(vec!["NetworkPolicy p0".to_owned(), "NetworkPolicy p1".to_owned()]));
}

#[test]
fn a_part_that_is_not_known_is_not_evaluated() {
    let spec = |rule: Value| json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": [rule] });
    for rule in [
        json!({ "to": [{}] }),
        json!({ "to": [{ "fqdn": "example.org" }] }),
        json!({ "to": [{ "ipBlock": { "cidr": "everything" } }] }),
        json!({ "to": [{ "ipBlock": { "cidr": "10.0.0.0/8" }, "podSelector": {} }] }),
        json!({ "to": [{ "podSelector": { "matchExpressions": [{ "key": "a", "operator": "Like" }] } }] }),
        json!({ "except": [] }),
        json!({ "ports": [{ "protocol": "ICMP" }] }),
        json!({ "ports": [{ "port": 70_000 }] }),
        json!({ "ports": [{ "port": "http", "endPort": 9 }] }),
    ] {
        let verdict = egress(&spec(rule.clone()), "192.0.2.1", 443);
        assert!(matches!(&verdict, Verdict::NotEvaluated(gaps) if gaps.len() == 1), "{rule}: {verdict:?}");
    }
    let odd = json!({ "podSelector": {}, "policyTypes": ["Egress"], "tier": "first" });
    assert!(matches!(egress(&odd, "192.0.2.1", 443), Verdict::NotEvaluated(_)));
}

#[test]
fn an_unread_part_does_not_hide_a_rule_that_matches() {
    let spec = json!({ "podSelector": {}, "egress": [{ "to": [{}] }, { "ports": [{ "port": 443 }] }] });
    assert!(is_allowed(&egress(&spec, "192.0.2.1", 443)));
    assert!(matches!(egress(&spec, "192.0.2.1", 80), Verdict::NotEvaluated(_)));
}

#[test]
fn unread_labels_of_a_namespace_leave_selected_peers_unevaluated() {
    let peer = Endpoint { namespace_labels: None, ..pod("tools", &[], "10.0.0.3") };
    let spec = |selector: Value| json!({ "podSelector": {}, "ingress": [{ "from": [{ "namespaceSelector": selector }] }] });
    let from = |selector: Value| verdict(&[spec(selector)], Direction::Ingress, Peer::Pod(&peer), 80);
    assert!(is_allowed(&from(json!({}))));
    assert!(matches!(from(json!({ "matchLabels": { "team": "tools" } })), Verdict::NotEvaluated(_)));
}

#[test]
fn a_summary_lists_each_rule_with_peers_and_ports() {
    let spec = json!({
        "podSelector": { "matchLabels": { "app": "web" } },
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{ "from": [{ "namespaceSelector": { "matchLabels": { "team": "tools" } } }], "ports": [{ "port": "http" }] }],
        "egress": [
            { "to": [{ "ipBlock": { "cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"] } }], "ports": [{ "port": 443 }, { "port": 1, "endPort": 9, "protocol": "UDP" }] },
            { "to": [{ "fqdn": "example.org" }] },
        ],
    });
    let summary = policies(&[spec]).summary(&web());
    assert_eq!(summary.ingress.bound_by, ["NetworkPolicy p0"]);
    let pass = &summary.ingress.passes[0];
    assert_eq!(pass.peers, ["all pods in namespaces with team=tools"]);
    assert_eq!(pass.ports, ["http (8080/TCP)"]);
    assert_eq!(summary.egress.passes.len(), 1, "{summary:?}");
    let pass = &summary.egress.passes[0];
    assert_eq!(pass.by, "NetworkPolicy p0, egress[0]");
    assert_eq!(pass.peers, ["10.0.0.0/8 except 10.1.0.0/16"]);
    assert_eq!(pass.ports, ["443/TCP", "1-9/UDP"]);
    assert_eq!(summary.egress.gaps[0].place, "NetworkPolicy p0, egress[1]");
}

#[test]
fn the_nodes_network_is_not_evaluated() {
    let of_node = Endpoint { in_the_nodes_network: true, ..web() };
    let summary = policies(&[json!({ "podSelector": {} })]).summary(&of_node);
    assert!(!summary.egress.is_open() && summary.ingress.passes.is_empty());
}
