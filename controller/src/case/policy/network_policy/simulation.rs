//! Random policies, by the model and by a packet filter that is written from the API's text alone. The filter reads the
//! JSON itself and shares no code with the model.

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
    test_runner::{Config, RngSeed, TestRunner},
};
use serde_json::{Map, Value, json};

use crate::case::policy::{Direction, Endpoint, Flow, NamedPort, Peer, Policies, Transport, Verdict};

/// A pod as plain data: namespace, labels of the namespace and the pod (key `k`), last byte of its address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pod {
    pub(in crate::case::policy) namespace: &'static str,
    label: Option<&'static str>,
    byte: u8,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::case::policy) enum Other {
    Pod(Pod),
    Outside(u8),
}

/// Returns a runner for random sets of policies: the same 5,000 in each run, or as many new ones as the variable `SEEDS` says.
pub(crate) fn runner() -> TestRunner {
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    TestRunner::new(Config {
        cases: seeds.unwrap_or(5_000),
        rng_seed: if seeds.is_some() { RngSeed::Random } else { RngSeed::Fixed(0) },
        failure_persistence: None,
        ..Config::default()
    })
}

/// The number of the port that every pod declares by the name `http`.
pub(in crate::case::policy) const HTTP: u16 = 80;

pub(crate) fn pod() -> impl Strategy<Value = Pod> {
    (select(vec!["a", "b"]), select(vec![None, Some("x"), Some("y")]), 0..8_u8)
        .prop_map(|(namespace, label, byte)| Pod { namespace, label, byte })
}

pub(in crate::case::policy) fn selector() -> impl Strategy<Value = Value> {
    let value = || select(vec!["a", "b", "x", "y"]);
    let key = || select(vec!["k", "n", "other"]);
    prop_oneof![
        Just(json!({})),
        (key(), value()).prop_map(|(key, value)| json!({ "matchLabels": { key: value } })),
        (key(), select(vec!["In", "NotIn"]), vec(value(), 1..3)).prop_map(|(key, operator, values)| {
            json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] })
        }),
        (key(), select(vec!["Exists", "DoesNotExist"])).prop_map(|(key, operator)| {
            json!({ "matchExpressions": [{ "key": key, "operator": operator }] })
        }),
    ]
}

fn peer() -> impl Strategy<Value = Value> {
    let bits = 29..=32_u8;
    prop_oneof![
        selector().prop_map(|pods| json!({ "podSelector": pods })),
        selector().prop_map(|namespaces| json!({ "namespaceSelector": namespaces })),
        (selector(), selector())
            .prop_map(|(pods, namespaces)| json!({ "podSelector": pods, "namespaceSelector": namespaces })),
        (0..16_u8, bits, vec(0..16_u8, 0..2)).prop_map(|(byte, bits, except)| {
            let except: Vec<_> = except.iter().map(|byte| format!("10.0.0.{byte}/32")).collect();
            json!({ "ipBlock": { "cidr": format!("10.0.0.{byte}/{bits}"), "except": except } })
        }),
    ]
}

fn port() -> impl Strategy<Value = Value> {
    let port = prop_oneof![
        Just(json!({})),
        Just(json!({ "port": "http" })),
        Just(json!({ "port": "none" })),
        (78..83_u16).prop_map(|port| json!({ "port": port })),
        (78..81_u16, 0..3_u16).prop_map(|(first, more)| json!({ "port": first, "endPort": first + more })),
    ];
    (port, select(vec![None, Some("TCP"), Some("UDP")])).prop_map(|(mut port, protocol)| {
        if let Some(protocol) = protocol {
            port["protocol"] = json!(protocol);
        }
        port
    })
}

pub(in crate::case::policy) fn policy() -> impl Strategy<Value = Value> {
    let rules = |peers: &'static str| {
        let rule =
            (vec(peer(), 0..3), vec(port(), 0..3), any::<bool>()).prop_map(move |(list, ports, bare)| {
                if bare && list.is_empty() {
                    json!({ "ports": ports })
                } else {
                    json!({ peers: list, "ports": ports })
                }
            });
        prop_oneof![1 => Just(Value::Null), 4 => vec(rule, 0..3).prop_map(Value::from)]
    };
    let types = select(vec![
        None,
        Some(json!([])),
        Some(json!(["Egress"])),
        Some(json!(["Ingress"])),
        Some(json!(["Egress", "Ingress"])),
    ]);
    (select(vec!["a", "b"]), selector(), types, rules("from"), rules("to")).prop_map(
        |(namespace, pods, types, ingress, egress)| {
            let mut spec = Map::from_iter([("podSelector".to_owned(), pods)]);
            spec.extend(types.map(|types| ("policyTypes".to_owned(), types)));
            spec.extend(
                [("ingress", ingress), ("egress", egress)].map(|(key, rules)| (key.to_owned(), rules)),
            );
            spec.retain(|_, value| !value.is_null());
            json!({ "metadata": { "namespace": namespace, "name": "p" }, "spec": spec })
        },
    )
}

/// Every entry of `matchLabels` and of `matchExpressions` must hold (`meta/v1`, `LabelSelector`).
pub(in crate::case::policy) fn selects(selector: &Value, labels: &[(&str, &str)]) -> bool {
    let value_of = |key: &str| labels.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let mut held: Vec<bool> = equal.map(|(key, value)| value_of(key) == value.as_str()).collect();
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let value = value_of(expression["key"].as_str().unwrap());
        let among = expression["values"].as_array().into_iter().flatten().any(|it| it.as_str() == value);
        held.push(match expression["operator"].as_str().unwrap() {
            "In" => value.is_some() && among,
            "NotIn" => value.is_none() || !among,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            other => panic!("{other}"),
        });
    }
    !held.contains(&false)
}

impl Pod {
    pub(in crate::case::policy) fn labels(self) -> Vec<(&'static str, &'static str)> {
        self.label.map(|label| ("k", label)).into_iter().collect()
    }

    pub(crate) fn endpoint(self) -> Endpoint {
        let owned = |pairs: Vec<(&str, &str)>| {
            pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        Endpoint {
            namespace: self.namespace.to_owned(),
            namespace_labels: Some(owned(vec![("n", self.namespace)])),
            labels: owned(self.labels()).into(),
            ports: vec![NamedPort { name: "http".into(), number: HTTP, transport: Transport::Tcp }],
            addresses: vec![[10, 0, 0, self.byte].into()],
            service_account: "default".to_owned(),
            in_the_nodes_network: false,
        }
    }
}

/// The filter: true if the packet passes.
pub(in crate::case::policy) fn passes(
    policies: &[Value],
    direction: Direction,
    subject: Pod,
    other: Other,
    port: u16,
    protocol: &str,
) -> bool {
    let (rules, peers) = match direction {
        Direction::Ingress => ("ingress", "from"),
        Direction::Egress => ("egress", "to"),
    };
    for policy in policies.iter().filter(|policy| isolate(policy, direction, subject)) {
        let spec = &policy["spec"];
        let own = policy["metadata"].get("namespace").and_then(Value::as_str).unwrap();
        for rule in spec[rules].as_array().into_iter().flatten() {
            let mut from = rule[peers].as_array().into_iter().flatten();
            let peer_fits = length(&rule[peers]) == 0 || from.any(|peer| is_of(peer, own, other));
            let mut ports = rule["ports"].as_array().into_iter().flatten();
            let named = direction == Direction::Ingress || matches!(other, Other::Pod(_));
            let port_fits = length(&rule["ports"]) == 0 || ports.any(|it| is_on(it, port, protocol, named));
            if peer_fits && port_fits {
                return true;
            }
        }
    }
    !isolates(policies, direction, subject)
}

/// True if a policy isolates the pod in this direction.
pub(in crate::case::policy) fn isolates(policies: &[Value], direction: Direction, subject: Pod) -> bool {
    policies.iter().any(|policy| isolate(policy, direction, subject))
}

fn isolate(policy: &Value, direction: Direction, subject: Pod) -> bool {
    let spec = &policy["spec"];
    let kind = if direction == Direction::Ingress { "Ingress" } else { "Egress" };
    let binds = match length(&spec["policyTypes"]) {
        0 => direction == Direction::Ingress || length(&spec["egress"]) > 0,
        _ => spec["policyTypes"].as_array().unwrap().iter().any(|it| it.as_str() == Some(kind)),
    };
    let own = policy["metadata"].get("namespace").and_then(Value::as_str).unwrap();
    binds && own == subject.namespace && selects(&spec["podSelector"], &subject.labels())
}

fn length(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

pub(in crate::case::policy) fn is_of(peer: &Value, own: &str, other: Other) -> bool {
    if let Some(block) = peer.get("ipBlock") {
        let byte = match other {
            Other::Pod(pod) => pod.byte,
            Other::Outside(byte) => byte,
        };
        let (base, bits) = block["cidr"].as_str().unwrap().split_once('/').unwrap();
        let base: u32 = base.rsplit_once('.').unwrap().1.parse().unwrap();
        let size = 1 << (32 - bits.parse::<u32>().unwrap());
        let excepted = block["except"].as_array().unwrap().contains(&json!(format!("10.0.0.{byte}/32")));
        return base / size == u32::from(byte) / size && !excepted;
    }
    let Other::Pod(pod) = other else { return false };
    let namespace = match peer.get("namespaceSelector") {
        None => pod.namespace == own,
        Some(selector) => selects(selector, &[("n", pod.namespace)]),
    };
    namespace && peer.get("podSelector").is_none_or(|selector| selects(selector, &pod.labels()))
}

fn is_on(rule: &Value, port: u16, protocol: &str, has_names: bool) -> bool {
    let number = u64::from(port);
    rule["protocol"].as_str().unwrap_or("TCP") == protocol
        && match (&rule["port"], rule["endPort"].as_u64()) {
            (Value::Null, _) => true,
            (Value::String(name), _) => has_names && name == "http" && port == HTTP && protocol == "TCP",
            (first, None) => first.as_u64() == Some(number),
            (first, Some(last)) => first.as_u64().unwrap() <= number && number <= last,
        }
}

#[test]
fn random_policies_pass_the_packets_of_an_independent_filter() {
    let other = prop_oneof![pod().prop_map(Other::Pod), (0..16_u8).prop_map(Other::Outside)];
    let packet =
        (select(vec![Direction::Ingress, Direction::Egress]), pod(), other, 77..84_u16, any::<bool>());
    let mut runner = runner();
    let cases = runner.config().cases;
    let (mut passed, mut dropped) = (0, 0);
    let all = (vec(policy(), 0..4), vec(packet, 8));
    let counted = std::cell::RefCell::new((&mut passed, &mut dropped));
    runner
        .run(&all, |(policies, packets)| {
            let model = Policies { read: policies.iter().map(super::read).collect(), ..Policies::default() };
            for (direction, subject, other, port, udp) in packets {
                let (transport, protocol) =
                    if udp { (Transport::Udp, "UDP") } else { (Transport::Tcp, "TCP") };
                let expected = passes(&policies, direction, subject, other, port, protocol);
                let end = match other {
                    Other::Pod(pod) => pod.endpoint(),
                    Other::Outside(_) => Endpoint::default(),
                };
                let peer = match other {
                    Other::Pod(_) => Peer::Pod(&end),
                    Other::Outside(byte) => Peer::Address([10, 0, 0, byte].into()),
                };
                let flow = Flow { direction, peer, port, transport };
                let verdict = model.verdict(&subject.endpoint(), &flow);
                let is_allowed = match &verdict {
                    Verdict::Open | Verdict::Allowed(_) => true,
                    Verdict::Denied(_) => false,
                    other => panic!("{other:?}"),
                };
                assert_eq!(
                    is_allowed, expected,
                    "{direction:?} {subject:?} {other:?} {port}/{protocol}: {verdict:?}"
                );
                let mut counted = counted.borrow_mut();
                *if is_allowed { &mut *counted.0 } else { &mut *counted.1 } += 1;
            }
            Ok(())
        })
        .unwrap();
    assert!(passed > cases && dropped > cases, "{passed} passed, {dropped} dropped");
}
