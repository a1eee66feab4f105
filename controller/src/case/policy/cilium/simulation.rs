//! Random policies of Cilium beside random NetworkPolicies, by the model and by a packet filter that is written from
//! Cilium's source alone. The filter reads the JSON itself and shares no code with the model.

pub(in crate::case::policy) mod filter;

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
};
use serde_json::{Value, json};

use crate::case::policy::{
    Direction, Endpoint, Flow, Host, Node, Peer, Policies, Transport, Verdict,
    network_policy::simulation::{self as own, Pod},
};

/// The other end of a packet. Addresses outside of the cluster have a last byte from 8 to 15, those of pods a lower one.
#[derive(Clone, Copy, Debug)]
pub(in crate::case::policy) enum End {
    Pod(Pod),
    Outside(u8),
    OwnNode { api_server: bool },
    OtherNode { api_server: bool },
    ApiServerOutside,
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        4 => own::pod().prop_map(End::Pod),
        2 => (8..16_u8).prop_map(End::Outside),
        1 => any::<bool>().prop_map(|api_server| End::OwnNode { api_server }),
        1 => any::<bool>().prop_map(|api_server| End::OtherNode { api_server }),
        1 => Just(End::ApiServerOutside),
    ]
}

/// Keys of labels with values that occur. Those of the namespace come last.
const KEYS: [(&str, &[&str]); 9] = [
    ("k", &["x", "y"]),
    ("k8s:k", &["x", "y"]),
    ("any:k", &["x"]),
    ("container:k", &["x"]),
    ("io.cilium.k8s.policy.serviceaccount", &["default", "other"]),
    ("io.kubernetes.pod.namespace", &["a", "b"]),
    ("k8s:io.kubernetes.pod.namespace", &["a", "b"]),
    ("io.cilium.k8s.namespace.labels.n", &["a", "b"]),
    ("k8s:io.cilium.k8s.namespace.labels.other", &["a"]),
];

fn selector(negated: bool) -> impl Strategy<Value = Value> {
    let one = (select(KEYS.to_vec()), 0..6_usize, any::<bool>()).prop_map(move |((key, values), form, second)| {
        let value = if second { values.last() } else { values.first() };
        let expression = |operator: &str, values: Value| {
            json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] })
        };
        // Without pods, a setting of Cilium decides what the negation of a namespace means.
        let negated = negated || !key.contains("namespace");
        match form {
            0 => expression("In", json!(values)),
            1 => expression("Exists", Value::Null),
            2 if negated => expression("NotIn", json!([value])),
            3 if negated => expression("DoesNotExist", Value::Null),
            _ => json!({ "matchLabels": { key: value } }),
        }
    });
    prop_oneof![1 => Just(json!({})), 3 => one]
}

fn peers(prefix: &'static str) -> impl Strategy<Value = Vec<(String, Value)>> {
    let reserved = select(vec!["host", "remote-node", "kube-apiserver"]);
    let endpoint = prop_oneof![
        5 => selector(false),
        1 => reserved.prop_map(|name| json!({ "matchLabels": { format!("reserved:{name}"): "" } })),
    ];
    let entities =
        vec!["all", "world", "cluster", "host", "remote-node", "kube-apiserver", "init", "none", "health"];
    let block = (8..16_u8, 29..=32_u8).prop_map(|(byte, bits)| format!("10.0.0.{byte}/{bits}"));
    let set = (8..16_u8, vec(0..8_u8, 0..2)).prop_map(|(byte, except)| {
        let except: Vec<_> = except.iter().map(|byte| format!("10.0.0.{}/32", byte + 8)).collect();
        json!({ "cidr": format!("10.0.0.{byte}/29"), "except": except })
    });
    let list = prop_oneof![
        4 => vec(endpoint, 0..3).prop_map(|list| Some(("Endpoints", Value::from(list)))),
        3 => vec(select(entities), 0..3).prop_map(|list| Some(("Entities", json!(list)))),
        2 => vec(block, 0..3).prop_map(|list| Some(("CIDR", json!(list)))),
        2 => vec(set, 0..3).prop_map(|list| Some(("CIDRSet", Value::from(list)))),
        2 => Just(None),
    ];
    let empty = select(vec![None, None, None, None, None, Some("Endpoints"), Some("Groups")]);
    (list, empty).prop_map(move |(list, empty)| {
        let empty = empty.map(|name| (format!("{prefix}{name}"), json!([])));
        empty.into_iter().chain(list.map(|(name, list)| (format!("{prefix}{name}"), list))).collect()
    })
}

fn ports() -> impl Strategy<Value = Option<Value>> {
    let port = prop_oneof![
        Just(json!({ "port": "http" })),
        Just(json!({ "port": "none" })),
        Just(json!({ "port": "0" })),
        (78..83_u16).prop_map(|port| json!({ "port": port.to_string() })),
        (78..81_u16, 0..3_u16)
            .prop_map(|(first, more)| json!({ "port": first.to_string(), "endPort": first + more })),
    ];
    let port =
        (port, select(vec![None, Some("ANY"), Some("TCP"), Some("UDP")])).prop_map(|(mut port, protocol)| {
            if let Some(protocol) = protocol {
                port["protocol"] = json!(protocol);
            }
            port
        });
    let item =
        prop_oneof![1 => Just(json!({})), 6 => vec(port, 0..3).prop_map(|ports| json!({ "ports": ports }))];
    prop_oneof![2 => Just(None), 3 => vec(item, 0..3).prop_map(|items| Some(Value::from(items)))]
}

fn rules(prefix: &'static str) -> impl Strategy<Value = Value> {
    let rule = (peers(prefix), ports(), 0..12_u8).prop_map(|(peers, ports, icmp)| {
        let ports = ports.map(|ports| ("toPorts".to_owned(), ports));
        let icmp = (icmp == 0 && ports.is_none())
            .then(|| ("icmps".to_owned(), json!([{ "fields": [{ "type": 8 }] }])));
        Value::Object(peers.into_iter().chain(ports).chain(icmp).collect())
    });
    prop_oneof![2 => Just(Value::Null), 3 => vec(rule, 0..3).prop_map(Value::from)]
}

fn part(clusterwide: bool) -> impl Strategy<Value = Value> {
    let default_deny = || select(vec![None, None, None, Some(true), Some(false)]);
    let lists = (rules("from"), rules("from"), rules("to"), rules("to"));
    (selector(true), 0..8_u8, lists, default_deny(), default_deny()).prop_map(
        move |(pods, nodes, (ingress, ingress_deny, egress, egress_deny), closes_ingress, closes_egress)| {
            let selects = if nodes == 0 && clusterwide { "nodeSelector" } else { "endpointSelector" };
            json!({
                selects: pods,
                "ingress": ingress,
                "ingressDeny": ingress_deny,
                "egress": egress,
                "egressDeny": egress_deny,
                "enableDefaultDeny": { "ingress": closes_ingress, "egress": closes_egress },
            })
        },
    )
}

pub(in crate::case::policy) fn policy() -> impl Strategy<Value = Value> {
    let object = |namespace: Option<&'static str>| {
        let (kind, clusterwide) = match namespace {
            Some(_) => ("CiliumNetworkPolicy", false),
            None => ("CiliumClusterwideNetworkPolicy", true),
        };
        vec(part(clusterwide), 1..3).prop_map(move |mut parts| {
            let metadata = json!({ "namespace": namespace, "name": "c" });
            let first = parts.remove(0);
            // Cilium refuses an object of which a part has no rule.
            parts.retain(filter::has_rules);
            let spec = if filter::has_rules(&first) || parts.is_empty() { first } else { Value::Null };
            json!({ "apiVersion": "cilium.io/v2", "kind": kind, "metadata": metadata, "spec": spec, "specs": parts })
        })
    };
    prop_oneof![2 => object(Some("a")), 1 => object(Some("b")), 2 => object(None)]
}

impl End {
    fn peer(self, pod: &Endpoint) -> Peer<'_> {
        let host =
            |node, is_api_server| Peer::Host(Host { address: [172, 16, 0, 1].into(), node, is_api_server });
        match self {
            Self::Pod(_) => Peer::Pod(pod),
            Self::Outside(byte) => Peer::Address([10, 0, 0, byte].into()),
            Self::OwnNode { api_server } => host(Some(Node::OfThePod), api_server),
            Self::OtherNode { api_server } => host(Some(Node::Another), api_server),
            Self::ApiServerOutside => host(None, true),
        }
    }
}

#[test]
fn random_policies_pass_the_packets_of_an_independent_filter() {
    let direction = select(vec![Direction::Ingress, Direction::Egress]);
    let packet = (direction, own::pod(), end(), 77..84_u16, any::<bool>());
    let mut runner = own::runner();
    let cases = runner.config().cases;
    let (mut passed, mut dropped) = (0, 0);
    let all = (vec(own::policy(), 0..3), vec(policy(), 0..4), vec(packet, 8));
    let counted = std::cell::RefCell::new((&mut passed, &mut dropped));
    runner
        .run(&all, |(mut network_policies, policies, packets): (Vec<Value>, Vec<Value>, Vec<_>)| {
            for policy in &mut network_policies {
                policy["apiVersion"] = json!("networking.k8s.io/v1");
                policy["kind"] = json!("NetworkPolicy");
            }
            let objects = network_policies.iter().chain(&policies).cloned().collect();
            let model = Policies::of(objects, Vec::new());
            for (direction, subject, end, port, udp) in packets {
                let (transport, protocol) =
                    if udp { (Transport::Udp, "UDP") } else { (Transport::Tcp, "TCP") };
                let packet = filter::Packet { direction, subject, end, port, protocol };
                let expected = filter::passes(&network_policies, &policies, &packet);
                let pod = if let End::Pod(pod) = end { pod.endpoint() } else { Endpoint::default() };
                let verdict = model
                    .verdict(&subject.endpoint(), &Flow { direction, peer: end.peer(&pod), port, transport });
                let is_allowed = match &verdict {
                    Verdict::Open | Verdict::Allowed(_) => true,
                    Verdict::Denied(_) | Verdict::DeniedIfKnown(_) => false,
                    Verdict::NotEvaluated(gaps) => panic!("{gaps:?}"),
                };
                assert_eq!(is_allowed, expected, "{packet:?}: {verdict:?}");
                let mut counted = counted.borrow_mut();
                *if is_allowed { &mut *counted.0 } else { &mut *counted.1 } += 1;
            }
            Ok(())
        })
        .unwrap();
    assert!(passed > cases && dropped > cases, "{passed} passed, {dropped} dropped");
}
