//! Tables of admin policies, each case by the API's documentation.

use serde_json::{Value, json};

use crate::case::policy::{Direction, Endpoint, Flow, NamedPort, Peer, Policies, Transport, Verdict};

fn pod(namespace: &str, app: &str, address: &str) -> Endpoint {
    let labels = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    Endpoint {
        namespace: namespace.into(),
        namespace_labels: Some(labels("team", namespace)),
        labels: labels("app", app).into(),
        ports: vec![NamedPort { name: "http".into(), number: 8080, transport: Transport::Tcp }],
        addresses: vec![address.parse().unwrap()],
        ..Endpoint::default()
    }
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    let version = match kind {
        "NetworkPolicy" => "networking.k8s.io/v1",
        "ClusterNetworkPolicy" => "policy.networking.k8s.io/v1alpha2",
        _ => "policy.networking.k8s.io/v1alpha1",
    };
    json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name, "namespace": "shop" }, "spec": spec })
}

/// An egress rule for every address, and an admin policy with it.
fn all(action: &str) -> Value {
    json!({ "action": action, "to": [{ "networks": ["0.0.0.0/0"] }] })
}

fn admin(name: &str, priority: u32, rules: &Value) -> Value {
    object(
        "AdminNetworkPolicy",
        name,
        &json!({ "priority": priority, "subject": { "namespaces": {} }, "egress": rules }),
    )
}

fn baseline(rules: &Value) -> Value {
    let spec = json!({ "subject": { "namespaces": {} }, "egress": rules });
    object("BaselineAdminNetworkPolicy", "default", &spec)
}

fn cluster(tier: &str, rules: &Value) -> Value {
    let spec = json!({ "tier": tier, "priority": 1, "subject": { "namespaces": {} }, "egress": rules });
    object("ClusterNetworkPolicy", "c", &spec)
}

fn own(rules: &Value) -> Value {
    object("NetworkPolicy", "own", &json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": rules }))
}

fn egress(objects: &[Value], peer: Peer<'_>, port: u16) -> Verdict {
    let flow = Flow { direction: Direction::Egress, peer, port, transport: Transport::Tcp };
    Policies::of(objects.to_vec(), Vec::new()).verdict(&pod("shop", "web", "10.0.0.1"), &flow)
}

fn outside(objects: &[Value]) -> Verdict {
    egress(objects, Peer::Address([192, 0, 2, 1].into()), 443)
}

fn allowed(by: &str) -> Verdict {
    Verdict::Allowed(by.to_owned())
}

fn denied(by: &str) -> Verdict {
    Verdict::Denied(vec![by.to_owned()])
}

fn if_known(by: &str) -> Verdict {
    Verdict::DeniedIfKnown(vec![by.to_owned()])
}

/// "Allow: even if it would otherwise have been denied by NetworkPolicy"; "Deny: denied before being checked against
/// NetworkPolicy"; "Pass: skip any remaining rules" (`AdminNetworkPolicyIngressRule.action`).
#[test]
fn admin_rules_decide_before_network_policies() {
    let (open, closed) = (own(&json!([{}])), own(&json!([])));
    for (objects, expected) in [
        (
            vec![admin("a", 1, &json!([all("Allow")])), closed.clone()],
            allowed("AdminNetworkPolicy a, egress[0]"),
        ),
        (
            vec![admin("a", 1, &json!([all("Deny")])), open.clone()],
            if_known("AdminNetworkPolicy a, egress[0]"),
        ),
        (vec![admin("a", 1, &json!([all("Deny")])), closed.clone()], denied("NetworkPolicy own")),
        (
            vec![admin("a", 1, &json!([all("Pass"), all("Allow")])), closed.clone()],
            denied("NetworkPolicy own"),
        ),
        (
            vec![admin("a", 1, &json!([all("Pass"), all("Deny")])), open.clone()],
            allowed("NetworkPolicy own, egress[0]"),
        ),
        (
            vec![cluster("Admin", &json!([all("Accept")])), closed.clone()],
            allowed("ClusterNetworkPolicy c, egress[0]"),
        ),
        (vec![cluster("Admin", &json!([all("Deny")]))], if_known("ClusterNetworkPolicy c, egress[0]")),
    ] {
        assert_eq!(outside(&objects), expected, "{objects:?}");
    }
}

/// "All AdminNetworkPolicy rules have higher precedence than NetworkPolicy or BaselineAdminNetworkPolicy rules"; a
/// NetworkPolicy "always makes a final decision for selected pods" (`ClusterNetworkPolicySpec.tier`).
#[test]
fn baseline_rules_decide_for_pods_without_a_network_policy() {
    let deny = json!([all("Deny")]);
    for (objects, expected) in [
        (vec![baseline(&deny)], if_known("BaselineAdminNetworkPolicy default, egress[0]")),
        (vec![baseline(&deny), own(&json!([{}]))], allowed("NetworkPolicy own, egress[0]")),
        (vec![baseline(&deny), own(&json!([]))], denied("NetworkPolicy own")),
        (
            vec![baseline(&deny), admin("a", 1, &json!([all("Allow")]))],
            allowed("AdminNetworkPolicy a, egress[0]"),
        ),
        (
            vec![baseline(&deny), admin("a", 1, &json!([all("Pass")]))],
            if_known("BaselineAdminNetworkPolicy default, egress[0]"),
        ),
        (vec![cluster("Baseline", &deny)], if_known("ClusterNetworkPolicy c, egress[0]")),
        (vec![cluster("Baseline", &deny), own(&json!([{}]))], allowed("NetworkPolicy own, egress[0]")),
    ] {
        assert_eq!(outside(&objects), expected, "{objects:?}");
    }
}

/// An implementation may know one of the two versions: a policy that one of them closes again may open.
#[test]
fn a_kind_that_opens_counts_although_another_kind_closes() {
    let objects =
        [admin("a", 2, &json!([all("Allow")])), cluster("Admin", &json!([all("Deny")])), own(&json!([]))];
    assert_eq!(outside(&objects), if_known("ClusterNetworkPolicy c, egress[0]"));
}

/// "Policies with lower priority values have higher precedence"; with equal values, "the implementation can apply any of the
/// matching policies" (`AdminNetworkPolicySpec.priority`).
#[test]
fn the_lower_priority_decides_and_equal_priorities_do_not() {
    let pair = |one, other| {
        let rules = [json!([all("Allow")]), json!([all("Deny")])];
        outside(&[admin("a", one, &rules[0]), admin("b", other, &rules[1]), own(&json!([]))])
    };
    assert_eq!(pair(1, 2), allowed("AdminNetworkPolicy a, egress[0]"));
    assert_eq!(pair(3, 2), denied("NetworkPolicy own"));
    assert!(matches!(pair(2, 2), Verdict::NotEvaluated(gaps) if gaps.len() == 2));
}

#[test]
fn equal_priorities_with_the_same_effect_decide() {
    let rules = json!([all("Allow")]);
    let verdict = outside(&[admin("a", 2, &rules), admin("b", 2, &rules), own(&json!([]))]);
    assert_eq!(verdict, allowed("AdminNetworkPolicy a, egress[0]"));
}

/// `AdminNetworkPolicySubject`: exactly one field; an empty selector selects everything.
#[test]
fn a_subject_selects_namespaces_or_pods() {
    let bound = |subject: &Value| {
        let spec = json!({ "priority": 1, "subject": subject, "egress": [all("Deny")] });
        outside(&[object("AdminNetworkPolicy", "a", &spec)])
    };
    let shop = json!({ "matchLabels": { "team": "shop" } });
    let api = json!({ "matchLabels": { "app": "api" } });
    for (subject, expected) in [
        (json!({ "namespaces": {} }), Some(true)),
        (json!({ "namespaces": shop }), Some(true)),
        (json!({ "namespaces": { "matchLabels": { "team": "tools" } } }), Some(false)),
        (json!({ "pods": { "namespaceSelector": shop, "podSelector": {} } }), Some(true)),
        (json!({ "pods": { "namespaceSelector": shop, "podSelector": api } }), Some(false)),
        (json!({}), None),
        (json!({ "namespaces": {}, "pods": {} }), None),
        (json!({ "everything": {} }), None),
    ] {
        let is_bound = match bound(&subject) {
            Verdict::Open => Some(false),
            Verdict::DeniedIfKnown(_) => Some(true),
            _ => None,
        };
        assert_eq!(is_bound, expected, "{subject}");
    }
}

/// `AdminNetworkPolicyEgressPeer`: networks match "cluster-internal traffic" too.
#[test]
fn peers_are_pods_namespaces_networks_nodes_or_names() {
    let api = pod("tools", "api", "10.0.0.3");
    let verdicts = |peer: &Value| {
        let rules = json!([{ "action": "Allow", "to": [peer] }]);
        let objects = [admin("a", 1, &rules), own(&json!([]))];
        [egress(&objects, Peer::Pod(&api), 80), outside(&objects)].map(|verdict| match verdict {
            Verdict::Allowed(_) => "yes",
            Verdict::Denied(_) => "no",
            _ => "unknown",
        })
    };
    let tools = json!({ "matchLabels": { "team": "tools" } });
    for (peer, expected) in [
        (json!({ "namespaces": {} }), ["yes", "no"]),
        (json!({ "namespaces": tools }), ["yes", "no"]),
        (
            json!({ "pods": { "namespaceSelector": {}, "podSelector": { "matchLabels": { "app": "web" } } } }),
            ["no", "no"],
        ),
        (json!({ "networks": ["0.0.0.0/0"] }), ["yes", "yes"]),
        (json!({ "networks": ["192.0.2.0/24", "2001:db8::/32"] }), ["no", "yes"]),
        (json!({ "networks": ["everything"] }), ["unknown", "unknown"]),
        (json!({ "nodes": {} }), ["no", "no"]),
        (json!({ "domainNames": ["*.example.org"] }), ["no", "unknown"]),
        (json!({}), ["unknown", "unknown"]),
        (json!({ "namespaces": {}, "nodes": {} }), ["unknown", "unknown"]),
        (json!({ "services": {} }), ["unknown", "unknown"]),
    ] {
        assert_eq!(verdicts(&peer), expected, "{peer}");
    }
}

/// `AdminNetworkPolicyPort` and `ClusterNetworkPolicyProtocol`.
#[test]
fn ports_match_in_both_versions() {
    let peer = pod("tools", "api", "10.0.0.3");
    let number = |port: u16| json!({ "portNumber": { "protocol": "TCP", "port": port } });
    let tcp = |port: Value| json!({ "tcp": { "destinationPort": port } });
    for (kind, ports, port, expected) in [
        ("AdminNetworkPolicy", json!([number(443)]), 443, "yes"),
        ("AdminNetworkPolicy", json!([number(443)]), 444, "no"),
        ("AdminNetworkPolicy", json!([{ "portNumber": { "port": 443 } }]), 443, "yes"),
        ("AdminNetworkPolicy", json!([{ "portNumber": { "protocol": "UDP", "port": 443 } }]), 443, "no"),
        ("AdminNetworkPolicy", json!([{ "portRange": { "start": 440, "end": 450 } }]), 450, "yes"),
        ("AdminNetworkPolicy", json!([{ "portRange": { "start": 440, "end": 450 } }]), 451, "no"),
        ("AdminNetworkPolicy", json!([{ "namedPort": "http" }]), 8080, "yes"),
        ("AdminNetworkPolicy", json!([{ "namedPort": "http" }]), 80, "no"),
        ("AdminNetworkPolicy", json!([{}]), 80, "unknown"),
        ("AdminNetworkPolicy", json!([]), 80, "unknown"),
        ("ClusterNetworkPolicy", json!([tcp(json!({ "number": 443 }))]), 443, "yes"),
        ("ClusterNetworkPolicy", json!([tcp(json!({ "number": 443 }))]), 80, "no"),
        ("ClusterNetworkPolicy", json!([tcp(json!({ "range": { "start": 1, "end": 9 } }))]), 9, "yes"),
        ("ClusterNetworkPolicy", json!([{ "tcp": {} }]), 9, "yes"),
        ("ClusterNetworkPolicy", json!([{ "udp": {} }]), 9, "no"),
        ("ClusterNetworkPolicy", json!([{ "destinationNamedPort": "http" }]), 8080, "yes"),
        ("ClusterNetworkPolicy", json!([{ "tcp": {}, "udp": {} }]), 9, "unknown"),
        ("ClusterNetworkPolicy", json!([{ "icmp": {} }]), 9, "unknown"),
    ] {
        let to = json!([{ "namespaces": {} }]);
        let object = if kind == "AdminNetworkPolicy" {
            admin("a", 1, &json!([{ "action": "Allow", "to": to, "ports": ports }]))
        } else {
            cluster("Admin", &json!([{ "action": "Accept", "to": to, "protocols": ports }]))
        };
        let is_allowed = match egress(&[object, own(&json!([]))], Peer::Pod(&peer), port) {
            Verdict::Allowed(_) => "yes",
            Verdict::Denied(_) => "no",
            _ => "unknown",
        };
        assert_eq!(is_allowed, expected, "{kind} {ports} {port}");
    }
}

#[test]
fn a_part_that_is_not_known_is_not_evaluated() {
    let to = json!([{ "networks": ["0.0.0.0/0"] }]);
    for object in [
        admin("a", 1, &json!([{ "action": "Accept", "to": to }])),
        admin("a", 1, &json!([{ "action": "Allow", "to": [] }])),
        admin("a", 1, &json!([{ "action": "Allow", "to": to, "protocols": [] }])),
        cluster("First", &json!([all("Accept")])),
        baseline(&json!([all("Pass")])),
        object(
            "AdminNetworkPolicy",
            "a",
            &json!({ "subject": { "namespaces": {} }, "egress": [all("Allow")] }),
        ),
    ] {
        let verdict = outside(&[object.clone(), own(&json!([]))]);
        assert!(matches!(verdict, Verdict::NotEvaluated(_) | Verdict::Denied(_)), "{object} {verdict:?}");
        let alone = outside(std::slice::from_ref(&object));
        assert!(matches!(alone, Verdict::NotEvaluated(_) | Verdict::Open), "{object} {alone:?}");
    }
}

/// A range that ends before it begins ended the comparison with a profile by a panic.
#[test]
fn a_range_that_ends_before_it_begins_is_not_evaluated() {
    let port = json!({ "portRange": { "protocol": "TCP", "start": 90, "end": 80 } });
    let of_admins =
        admin("a", 1, &json!([{ "action": "Allow", "to": [{ "namespaces": {} }], "ports": [port] }]));
    let of_kubernetes = own(&json!([{ "ports": [{ "port": 90, "endPort": 80 }] }]));
    let of_calico = json!({
        "apiVersion": "crd.projectcalico.org/v1", "kind": "NetworkPolicy",
        "metadata": { "namespace": "shop", "name": "c" },
        "spec": { "egress": [{ "action": "Allow", "protocol": "TCP", "destination": { "ports": ["90:80"] } }] },
    });
    for object in [of_admins, of_kubernetes, of_calico] {
        let read = format!("{:?}", Policies::of(vec![object], Vec::new()).read);
        assert!(read.contains("the range from 90 to 80 is empty"), "{read}");
    }
}

/// "Host-networked pods are not included in this type of peer" (`ClusterNetworkPolicyEgressPeer.namespaces`).
#[test]
fn a_peer_in_its_nodes_network_is_not_evaluated() {
    let peer = Endpoint { in_the_nodes_network: true, ..pod("tools", "api", "10.9.0.3") };
    let objects =
        [admin("a", 1, &json!([{ "action": "Allow", "to": [{ "namespaces": {} }] }])), own(&json!([]))];
    assert!(matches!(egress(&objects, Peer::Pod(&peer), 80), Verdict::NotEvaluated(_)));
}
