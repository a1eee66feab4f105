//! Tables of Calico's policies, each case by the documentation or by the code that gives it its meaning.

use serde_json::{Value, json};

use crate::case::policy::{Direction, Endpoint, Flow, NamedPort, Peer, Policies, Transport, Verdict};

mod readings;

fn pod(namespace: &str, app: &str, address: &str) -> Endpoint {
    let labels = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    Endpoint {
        namespace: namespace.into(),
        namespace_labels: Some(labels("team", namespace)),
        labels: labels("app", app).into(),
        service_account: "runner".to_owned(),
        ports: vec![NamedPort { name: "http".into(), number: 8080, transport: Transport::Tcp }],
        addresses: vec![address.parse().unwrap()],
        ..Endpoint::default()
    }
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    let version =
        if kind == "KubernetesPolicy" { "networking.k8s.io/v1" } else { "crd.projectcalico.org/v1" };
    let kind = if kind == "KubernetesPolicy" { "NetworkPolicy" } else { kind };
    json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name, "namespace": "shop" }, "spec": spec })
}

/// Lists of all kinds of sets, with these NetworkSets and GlobalNetworkSets.
fn sets(own: &Value, global: &Value) -> Vec<Value> {
    let list = |kind: &str, items: &Value| json!({ "apiVersion": "crd.projectcalico.org/v1", "kind": kind, "items": items });
    vec![
        list("NetworkSetList", own),
        list("GlobalNetworkSetList", global),
        list("HostEndpointList", &json!([])),
    ]
}

fn no_sets() -> Vec<Value> {
    sets(&json!([]), &json!([]))
}

/// A policy of the whole cluster with egress rules.
fn global(name: &str, order: f64, rules: &Value) -> Value {
    object("GlobalNetworkPolicy", name, &json!({ "order": order, "types": ["Egress"], "egress": rules }))
}

fn with_sets(mut objects: Vec<Value>, sets: Vec<Value>) -> Policies {
    objects.extend(sets);
    Policies::of(objects, Vec::new())
}

fn egress(objects: &[Value], peer: Peer<'_>, port: u16) -> Verdict {
    let flow = Flow { direction: Direction::Egress, peer, port, transport: Transport::Tcp };
    with_sets(objects.to_vec(), no_sets()).verdict(&pod("shop", "web", "10.0.0.1"), &flow)
}

fn outside(objects: &[Value]) -> Verdict {
    egress(objects, Peer::Address([192, 0, 2, 1].into()), 443)
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Open | Verdict::Allowed(_) => "yes",
        Verdict::Denied(_) => "no",
        _ => "unknown",
    }
}

/// The words for an allowing rule beside nothing else, to a pod of another namespace, a pod of the own namespace and an
/// address of the outside.
fn words(rule: &Value, is_global: bool, sets: &[Value]) -> [&'static str; 3] {
    let kind = if is_global { "GlobalNetworkPolicy" } else { "NetworkPolicy" };
    let mut rule = rule.clone();
    rule["action"] = "Allow".into();
    let policy = object(kind, "p", &json!({ "types": ["Egress"], "egress": [rule] }));
    let policies = with_sets(vec![policy], sets.to_vec());
    let (other, own) = (pod("tools", "api", "10.0.0.3"), pod("shop", "db", "10.0.0.4"));
    let peers = [Peer::Pod(&other), Peer::Pod(&own), Peer::Address([192, 0, 2, 1].into())];
    peers.map(|peer| {
        let flow = Flow { direction: Direction::Egress, peer, port: 8080, transport: Transport::Tcp };
        word(&policies.verdict(&pod("shop", "web", "10.0.0.1"), &flow))
    })
}

/// "Policies with higher order are applied after those with lower order. If the order is omitted, the policy will be applied
/// last" (`order`); "Pass" leaves the tier, "Log" goes on (`action`).
#[test]
fn the_lowest_order_decides() {
    let rule = |action: &str| json!([{ "action": action }]);
    let kubernetes = |rules: &Value| {
        object(
            "KubernetesPolicy",
            "own",
            &json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": rules }),
        )
    };
    let unordered =
        object("GlobalNetworkPolicy", "z", &json!({ "types": ["Egress"], "egress": rule("Deny") }));
    for (objects, expected) in [
        (vec![global("a", 1.0, &rule("Allow")), global("b", 2.0, &rule("Deny"))], "yes"),
        (vec![global("a", 2.0, &rule("Allow")), global("b", 1.0, &rule("Deny"))], "no"),
        (vec![global("a", 1.0, &rule("Allow")), global("b", 1.0, &rule("Deny"))], "yes"),
        (vec![global("b", 1.0, &rule("Allow")), global("a", 1.0, &rule("Deny"))], "no"),
        (vec![global("a", 5.0, &rule("Allow")), unordered.clone()], "yes"),
        (vec![global("a", 1.0, &rule("Pass")), global("b", 2.0, &rule("Deny"))], "yes"),
        (vec![global("a", 1.0, &rule("Log")), global("b", 2.0, &rule("Allow"))], "yes"),
        (vec![global("a", 1.0, &rule("Log"))], "no"),
        (vec![global("a", 1.0, &json!([]))], "no"),
        // NetworkPolicies stand at order 1000.
        (vec![global("a", 999.0, &rule("Deny")), kubernetes(&json!([{}]))], "no"),
        (vec![global("a", 1001.0, &rule("Deny")), kubernetes(&json!([{}]))], "yes"),
        (vec![global("a", 999.0, &rule("Allow")), kubernetes(&json!([]))], "yes"),
        (vec![global("a", 1001.0, &rule("Allow")), kubernetes(&json!([]))], "yes"),
        (vec![global("a", 1000.0, &rule("Deny")), kubernetes(&json!([{}]))], "unknown"),
    ] {
        assert_eq!(word(&outside(&objects)), expected, "{objects:?}");
    }
}

/// Calico's profile of a namespace allows what no policy binds (`conversion.go`, `NamespaceToProfile`).
#[test]
fn a_pod_that_no_policy_binds_is_open() {
    let other =
        object("GlobalNetworkPolicy", "a", &json!({ "selector": "app == 'api'", "types": ["Egress"] }));
    assert_eq!(outside(&[other]), Verdict::Open);
}

/// `Tier.spec.order` and `Tier.spec.defaultAction`.
#[test]
fn tiers_decide_in_their_order() {
    let tier = |name: &str, spec: Value| object("Tier", name, &spec);
    let within = |tier: &str, rules: Value| {
        object(
            "GlobalNetworkPolicy",
            &format!("{tier}.p"),
            &json!({ "tier": tier, "types": ["Egress"], "egress": rules }),
        )
    };
    let rule = |action: &str| json!([{ "action": action }]);
    let allow = within("default", rule("Allow"));
    let never = json!([{ "action": "Allow", "protocol": "UDP" }]);
    for (objects, expected) in [
        (vec![tier("t", json!({ "order": 1 })), within("t", rule("Deny")), allow.clone()], "no"),
        (vec![tier("t", json!({ "order": 2_000_000 })), within("t", rule("Deny")), allow.clone()], "yes"),
        (vec![tier("t", json!({})), within("t", rule("Deny")), allow.clone()], "yes"),
        (vec![tier("t", json!({ "order": 1 })), within("t", rule("Pass")), allow.clone()], "yes"),
        (vec![tier("t", json!({ "order": 1 })), within("t", never.clone()), allow.clone()], "no"),
        (
            vec![
                tier("t", json!({ "order": 1, "defaultAction": "Pass" })),
                within("t", never.clone()),
                allow.clone(),
            ],
            "yes",
        ),
        (vec![tier("t", json!({ "order": 1, "defaultAction": "Pass" })), within("t", never.clone())], "yes"),
        (vec![within("t", rule("Allow"))], "unknown"),
        (vec![tier("t", json!({ "order": 1, "mode": "x" })), within("t", rule("Allow"))], "unknown"),
    ] {
        assert_eq!(word(&outside(&objects)), expected, "{objects:?}");
    }
}

/// `types`: "When not explicitly specified, Calico defaults Types according to what Ingress and Egress rules are present";
/// Felix binds both directions for an object that was stored without types.
#[test]
fn types_say_the_directions() {
    let rule = json!([{ "action": "Allow", "protocol": "UDP" }]);
    for (spec, expected) in [
        (json!({ "types": ["Ingress"] }), ["no", "yes"]),
        (json!({ "types": ["Egress"] }), ["yes", "no"]),
        (json!({ "types": ["Ingress", "Egress"] }), ["no", "no"]),
        (json!({ "types": ["Egress"], "ingress": rule }), ["yes", "no"]),
        (json!({}), ["no", "unknown"]),
        (json!({ "ingress": rule }), ["no", "unknown"]),
        (json!({ "egress": rule }), ["unknown", "no"]),
        (json!({ "ingress": rule, "egress": rule }), ["no", "no"]),
    ] {
        let policies = with_sets(vec![object("NetworkPolicy", "p", &spec)], no_sets());
        let words = [Direction::Ingress, Direction::Egress].map(|direction| {
            let peer = Peer::Address([192, 0, 2, 1].into());
            let flow = Flow { direction, peer, port: 443, transport: Transport::Tcp };
            word(&policies.verdict(&pod("shop", "web", "10.0.0.1"), &flow))
        });
        assert_eq!(words, expected, "{spec}");
    }
}

/// `selector`, `namespaceSelector`, `serviceAccountSelector`; untracked and pre-DNAT policies bind hosts.
#[test]
fn a_policy_binds_the_selected_pods() {
    for (kind, spec, expected) in [
        ("NetworkPolicy", json!({}), "no"),
        ("NetworkPolicy", json!({ "selector": "all()" }), "no"),
        ("NetworkPolicy", json!({ "selector": "app == 'web'" }), "no"),
        ("NetworkPolicy", json!({ "selector": "app == 'api'" }), "yes"),
        ("NetworkPolicy", json!({ "selector": "app = 'web'" }), "unknown"),
        ("NetworkPolicy", json!({ "selector": "global()" }), "unknown"),
        ("NetworkPolicy", json!({ "selector": "podproof.dev/run == 'x'" }), "yes"),
        ("NetworkPolicy", json!({ "serviceAccountSelector": "projectcalico.org/name == 'runner'" }), "no"),
        ("NetworkPolicy", json!({ "serviceAccountSelector": "projectcalico.org/name == 'other'" }), "yes"),
        ("NetworkPolicy", json!({ "serviceAccountSelector": "role == 'x'" }), "unknown"),
        ("NetworkPolicy", json!({ "namespaceSelector": "all()" }), "unknown"),
        ("GlobalNetworkPolicy", json!({ "namespaceSelector": "team == 'shop'" }), "no"),
        ("GlobalNetworkPolicy", json!({ "namespaceSelector": "team == 'tools'" }), "yes"),
        ("GlobalNetworkPolicy", json!({ "namespaceSelector": "projectcalico.org/name == 'shop'" }), "no"),
        ("GlobalNetworkPolicy", json!({ "namespaceSelector": "all()" }), "no"),
        ("GlobalNetworkPolicy", json!({ "selector": "projectcalico.org/namespace == 'shop'" }), "no"),
        ("GlobalNetworkPolicy", json!({ "selector": "projectcalico.org/orchestrator == 'k8s'" }), "no"),
        ("GlobalNetworkPolicy", json!({ "selector": "projectcalico.org/serviceaccount == 'runner'" }), "no"),
        ("GlobalNetworkPolicy", json!({ "selector": "has(host)" }), "yes"),
        ("GlobalNetworkPolicy", json!({ "doNotTrack": true, "applyOnForward": true }), "yes"),
        ("GlobalNetworkPolicy", json!({ "preDNAT": true, "applyOnForward": true }), "yes"),
        ("GlobalNetworkPolicy", json!({ "applyOnForward": true }), "no"),
        ("GlobalNetworkPolicy", json!({ "stagedAction": "Set" }), "unknown"),
    ] {
        let mut spec = spec;
        spec["types"] = json!(["Egress"]);
        assert_eq!(word(&outside(&[object(kind, "p", &spec)])), expected, "{kind} {spec}");
    }
}

#[test]
fn unread_labels_of_the_namespace_are_not_evaluated() {
    let spec = json!({ "namespaceSelector": "team == 'shop'", "types": ["Egress"] });
    let policies = with_sets(vec![object("GlobalNetworkPolicy", "p", &spec)], no_sets());
    let subject = Endpoint { namespace_labels: None, ..pod("shop", "web", "10.0.0.1") };
    let peer = Peer::Address([192, 0, 2, 1].into());
    let flow = Flow { direction: Direction::Egress, peer, port: 443, transport: Transport::Tcp };
    assert_eq!(word(&policies.verdict(&subject, &flow)), "unknown");
}

/// `EntityRule`: all criteria must match. Without a selector of namespaces, a NetworkPolicy's selectors select within its own
/// namespace.
#[test]
fn entities_match_by_all_their_criteria() {
    let to = |entity: Value| json!({ "destination": entity });
    for (rule, own, global) in [
        (json!({}), ["yes", "yes", "yes"], ["yes", "yes", "yes"]),
        (to(json!({ "nets": ["192.0.2.0/24"] })), ["no", "no", "yes"], ["no", "no", "yes"]),
        (to(json!({ "nets": ["10.0.0.3"] })), ["yes", "no", "no"], ["yes", "no", "no"]),
        (to(json!({ "notNets": ["10.0.0.0/8"] })), ["no", "no", "yes"], ["no", "no", "yes"]),
        (
            to(json!({ "nets": ["0.0.0.0/0"], "notNets": ["10.0.0.3/32"] })),
            ["no", "yes", "yes"],
            ["no", "yes", "yes"],
        ),
        (to(json!({ "selector": "all()" })), ["no", "yes", "no"], ["yes", "yes", "no"]),
        (to(json!({ "selector": "app == 'api'" })), ["no", "no", "no"], ["yes", "no", "no"]),
        (to(json!({ "selector": "!has(role)" })), ["no", "yes", "no"], ["yes", "yes", "no"]),
        (to(json!({ "notSelector": "app == 'api'" })), ["no", "yes", "no"], ["no", "yes", "yes"]),
        (to(json!({ "notSelector": "app == 'db'" })), ["no", "no", "no"], ["yes", "no", "yes"]),
        (to(json!({ "namespaceSelector": "all()" })), ["yes", "yes", "no"], ["yes", "yes", "no"]),
        (to(json!({ "namespaceSelector": "global()" })), ["no", "no", "no"], ["no", "no", "no"]),
        (to(json!({ "namespaceSelector": "team == 'tools'" })), ["yes", "no", "no"], ["yes", "no", "no"]),
        (
            to(json!({ "namespaceSelector": "team == 'tools'", "selector": "app == 'db'" })),
            ["no", "no", "no"],
            ["no", "no", "no"],
        ),
        (
            to(json!({ "serviceAccounts": { "names": ["runner"] } })),
            ["no", "yes", "no"],
            ["yes", "yes", "no"],
        ),
        (to(json!({ "serviceAccounts": { "names": ["other"] } })), ["no", "no", "no"], ["no", "no", "no"]),
        (
            to(json!({ "serviceAccounts": { "selector": "role == 'x'" } })),
            ["no", "unknown", "no"],
            ["unknown", "unknown", "no"],
        ),
        (
            to(json!({ "selector": "all()", "nets": ["10.0.0.3/32"] })),
            ["no", "no", "no"],
            ["yes", "no", "no"],
        ),
        (
            to(json!({ "services": { "name": "api" } })),
            ["unknown", "unknown", "unknown"],
            ["unknown", "unknown", "unknown"],
        ),
        (
            to(json!({ "domains": ["example.org"] })),
            ["unknown", "unknown", "unknown"],
            ["unknown", "unknown", "unknown"],
        ),
        (
            to(json!({ "nets": ["everything"] })),
            ["unknown", "unknown", "unknown"],
            ["unknown", "unknown", "unknown"],
        ),
        (json!({ "source": { "selector": "app == 'web'" } }), ["yes", "yes", "yes"], ["yes", "yes", "yes"]),
        (json!({ "source": { "selector": "app == 'api'" } }), ["no", "no", "no"], ["no", "no", "no"]),
        (json!({ "source": { "nets": ["10.0.0.1/32"] } }), ["yes", "yes", "yes"], ["yes", "yes", "yes"]),
        (json!({ "ipVersion": 4 }), ["yes", "yes", "yes"], ["yes", "yes", "yes"]),
        (json!({ "ipVersion": 6 }), ["no", "no", "no"], ["no", "no", "no"]),
        (json!({ "http": { "methods": ["GET"] } }), ["yes", "yes", "yes"], ["yes", "yes", "yes"]),
        (json!({ "metadata": { "annotations": {} } }), ["yes", "yes", "yes"], ["yes", "yes", "yes"]),
        (json!({ "weight": 1 }), ["unknown", "unknown", "unknown"], ["unknown", "unknown", "unknown"]),
    ] {
        assert_eq!(words(&rule, false, &no_sets()), own, "NetworkPolicy {rule}");
        assert_eq!(words(&rule, true, &no_sets()), global, "GlobalNetworkPolicy {rule}");
    }
}

/// `protocol`, `notProtocol`, `ports`, `notPorts`; the flows go to port 8080 of TCP, which the pods call `http`.
#[test]
fn ports_match_by_protocol_number_range_and_name() {
    for (rule, expected) in [
        (json!({ "protocol": "TCP" }), "yes"),
        (json!({ "protocol": "UDP" }), "no"),
        (json!({ "protocol": 6 }), "yes"),
        (json!({ "protocol": 17 }), "no"),
        (json!({ "protocol": "ICMP" }), "no"),
        (json!({ "protocol": "ICMP", "icmp": { "type": 8 } }), "no"),
        (json!({ "protocol": "XTP" }), "unknown"),
        (json!({ "notProtocol": "TCP" }), "no"),
        (json!({ "notProtocol": "UDP" }), "yes"),
        (json!({ "notProtocol": "ICMP" }), "yes"),
        (json!({ "protocol": "TCP", "destination": { "ports": [8080] } }), "yes"),
        (json!({ "protocol": "TCP", "destination": { "ports": ["8080"] } }), "yes"),
        (json!({ "protocol": "TCP", "destination": { "ports": ["8000:8079", 1] } }), "no"),
        (json!({ "protocol": "TCP", "destination": { "ports": ["8000:8080"] } }), "yes"),
        (json!({ "protocol": "UDP", "destination": { "ports": [8080] } }), "no"),
        (json!({ "protocol": "TCP", "destination": { "ports": ["http"] } }), "yes"),
        (json!({ "protocol": "TCP", "destination": { "ports": ["other"] } }), "no"),
        (json!({ "protocol": "TCP", "destination": { "notPorts": [8080] } }), "no"),
        (json!({ "protocol": "TCP", "destination": { "notPorts": [8079, "8081:9000"] } }), "yes"),
        (json!({ "protocol": "TCP", "destination": { "notPorts": ["0:65535"] } }), "no"),
        (
            json!({ "protocol": "TCP", "destination": { "ports": ["1:9000"], "notPorts": ["8000:8100"] } }),
            "no",
        ),
        (json!({ "protocol": "TCP", "destination": { "notPorts": ["http"] } }), "unknown"),
        (json!({ "protocol": "TCP", "source": { "ports": [8080] } }), "unknown"),
    ] {
        assert_eq!(words(&rule, true, &no_sets())[0], expected, "{rule}");
    }
}

/// Selectors select NetworkSets and GlobalNetworkSets beside pods ("Network set", "Global network set").
#[test]
fn selectors_select_sets_of_addresses() {
    let set = |namespace: Option<&str>, labels: Value| json!({ "metadata": { "name": "s", "namespace": namespace, "labels": labels }, "spec": { "nets": ["192.0.2.0/24", "10.0.0.4"] } });
    let role = json!({ "role": "db" });
    let to = |entity: Value| json!({ "destination": entity });
    let selector = to(json!({ "selector": "role == 'db'" }));
    for (rule, is_global, own, global, expected) in [
        (selector.clone(), true, json!([]), json!([set(None, role.clone())]), ["no", "yes", "yes"]),
        (selector.clone(), false, json!([]), json!([set(None, role.clone())]), ["no", "no", "no"]),
        (selector.clone(), false, json!([set(Some("shop"), role.clone())]), json!([]), ["no", "yes", "yes"]),
        (selector.clone(), false, json!([set(Some("tools"), role.clone())]), json!([]), ["no", "no", "no"]),
        (selector.clone(), true, json!([set(Some("tools"), role.clone())]), json!([]), ["no", "yes", "yes"]),
        (selector.clone(), true, json!([]), json!([set(None, json!({}))]), ["no", "no", "no"]),
        (
            to(json!({ "selector": "role == 'db'", "namespaceSelector": "global()" })),
            false,
            json!([]),
            json!([set(None, role.clone())]),
            ["no", "yes", "yes"],
        ),
        (
            to(json!({ "selector": "role == 'db'", "namespaceSelector": "team == 'tools'" })),
            false,
            json!([set(Some("tools"), role.clone())]),
            json!([]),
            ["no", "unknown", "unknown"],
        ),
        (
            to(json!({ "notSelector": "role == 'db'" })),
            true,
            json!([]),
            json!([set(None, role.clone())]),
            ["yes", "no", "no"],
        ),
    ] {
        assert_eq!(words(&rule, is_global, &sets(&own, &global)), expected, "{rule} {own} {global}");
    }
}

#[test]
fn sets_that_were_not_read_are_not_evaluated() {
    let rule = json!({ "destination": { "selector": "role == 'db'" } });
    assert_eq!(words(&rule, true, &[]), ["unknown", "unknown", "unknown"]);
    let own = &no_sets()[..1];
    assert_eq!(words(&rule, false, own), ["no", "no", "no"]);
    let of_pods =
        json!({ "destination": { "namespaceSelector": "team == 'tools'", "selector": "app == 'api'" } });
    assert_eq!(words(&of_pods, true, own), ["yes", "unknown", "unknown"]);
}
