//! Random policies of Calico beside random NetworkPolicies, by the model and by a packet filter that is written from the
//! documentation alone. The filter reads the JSON itself and shares no code with the model.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    collection::vec,
    option::of,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
};
use serde_json::{Value, json};

use crate::case::policy::{
    Direction, Endpoint, Flow, Peer, Policies, Transport, Verdict,
    network_policy::simulation::{self as own, HTTP, Other, Pod},
};

/// A pod or a set of addresses, by its namespace and its label `k`.
#[derive(Clone, Copy)]
struct Thing<'a> {
    namespace: Option<&'a str>,
    k: Option<&'a str>,
}

type Predicate = fn(Thing<'_>) -> bool;

/// Selectors, each with its meaning in the words of the documentation.
const SELECTORS: [(&str, Predicate); 13] = [
    ("all()", |_| true),
    ("has(k)", |it| it.k.is_some()),
    ("!has(k)", |it| it.k.is_none()),
    ("k == 'x'", |it| it.k == Some("x")),
    ("k != \"x\"", |it| it.k != Some("x")),
    ("k in {'x', 'z'}", |it| it.k == Some("x")),
    ("k not in {'y'}", |it| it.k != Some("y")),
    ("k starts with 'x' || has(none)", |it| it.k == Some("x")),
    ("k contains 'y' && !has(none)", |it| it.k == Some("y")),
    ("!(k ends with 'x')", |it| it.k != Some("x")),
    ("(has(k) || has(none)) && k != 'y'", |it| it.k == Some("x")),
    ("projectcalico.org/namespace == 'a'", |it| it.namespace == Some("a")),
    ("projectcalico.org/namespace != 'a' || k == 'y'", |it| it.namespace != Some("a") || it.k == Some("y")),
];

/// Selectors of namespaces, which select by labels of the namespace.
const NAMESPACES: [(&str, Predicate); 4] = [
    ("all()", |it| it.namespace.is_some()),
    ("global()", |it| it.namespace.is_none()),
    ("projectcalico.org/name == 'b'", |it| it.namespace == Some("b")),
    ("projectcalico.org/name != 'b'", |it| it.namespace != Some("b")),
];

fn means(table: &[(&str, Predicate)], text: &Value, thing: Thing<'_>) -> bool {
    let Some(text) = text.as_str() else { return true };
    table.iter().find(|(known, _)| *known == text).unwrap().1(thing)
}

fn selector() -> impl Strategy<Value = &'static str> {
    select(SELECTORS.map(|(text, _)| text).to_vec())
}

fn block() -> impl Strategy<Value = String> {
    (0..16_u8, 29..=32_u8).prop_map(|(byte, bits)| format!("10.0.0.{byte}/{bits}"))
}

/// Adds the fields that have a value.
fn with(fields: Vec<(&str, Option<Value>)>) -> Value {
    fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn entity() -> impl Strategy<Value = Value> {
    let namespaces = select(NAMESPACES.map(|(text, _)| text).to_vec());
    let rarely = |blocks| proptest::option::weighted(0.2, vec(blocks, 1..3));
    (
        rarely(block()),
        rarely(block()),
        of(selector()),
        proptest::option::weighted(0.2, selector()),
        of(namespaces),
    )
        .prop_map(|(nets, not_nets, selector, not_selector, namespaces)| {
            with(vec![
                ("nets", nets.map(Into::into)),
                ("notNets", not_nets.map(Into::into)),
                ("selector", selector.map(Into::into)),
                ("notSelector", not_selector.map(Into::into)),
                ("namespaceSelector", namespaces.map(Into::into)),
            ])
        })
}

fn rule() -> impl Strategy<Value = Value> {
    let port = prop_oneof![
        (78..83_u16).prop_map(Value::from),
        (78..81_u16, 1..3_u16).prop_map(|(first, more)| format!("{first}:{}", first + more).into()),
    ];
    let named = prop_oneof![4 => port.clone(), 1 => Just(json!("http"))];
    let actions = select(vec!["Allow", "Allow", "Deny", "Pass", "Log"]);
    let protocol = select(vec!["TCP", "UDP", "ICMP"]);
    let ports =
        (of(protocol.clone()), proptest::option::weighted(0.1, protocol), vec(named, 0..3), vec(port, 0..2));
    (actions, entity(), entity(), ports, any::<bool>()).prop_map(
        |(action, source, mut destination, (protocol, not_protocol, ports, not_ports), plain)| {
            if matches!(protocol, Some("TCP" | "UDP")) {
                // A name among the ports is not compared with excluded ports.
                let not_ports = if ports.contains(&json!("http")) { Vec::new() } else { not_ports };
                destination["ports"] = ports.into();
                destination["notPorts"] = not_ports.into();
            }
            let (source, protocol) = if plain { (json!({}), None) } else { (source, protocol) };
            let destination = if plain { json!({}) } else { destination };
            with(vec![
                ("action", Some(action.into())),
                ("source", Some(source)),
                ("destination", Some(destination)),
                ("protocol", protocol.map(Into::into)),
                ("notProtocol", not_protocol.map(Into::into)),
            ])
        },
    )
}

pub(in crate::case::policy) fn policy() -> impl Strategy<Value = Value> {
    let types = select(vec![json!(["Egress"]), json!(["Ingress"]), json!(["Ingress", "Egress"])]);
    let orders = of(select(vec![1.0, 2.0, 1000.0]));
    let tiers = of(select(vec!["default", "t"]));
    (any::<bool>(), select(vec!["a", "b"]), of(selector()), orders, tiers, types, vec(rule(), 0..3), vec(rule(), 0..3))
        .prop_map(|(is_global, namespace, selector, order, tier, types, ingress, egress)| {
            let spec = with(vec![
                ("selector", selector.map(Into::into)),
                ("order", order.map(Into::into)),
                ("tier", tier.map(Into::into)),
                ("types", Some(types)),
                ("ingress", Some(ingress.into())),
                ("egress", Some(egress.into())),
            ]);
            let kind = if is_global { "GlobalNetworkPolicy" } else { "NetworkPolicy" };
            let namespace = if is_global { Value::Null } else { namespace.into() };
            json!({ "apiVersion": "crd.projectcalico.org/v1", "kind": kind, "metadata": { "namespace": namespace }, "spec": spec })
        })
}

/// The tier `t` and the lists of sets.
pub(in crate::case::policy) fn parts() -> impl Strategy<Value = Vec<Value>> {
    let label = || select(vec![json!({}), json!({ "k": "x" }), json!({ "k": "y" })]);
    let global = || {
        (label(), vec(block(), 1..3))
            .prop_map(|(labels, nets)| json!({ "metadata": { "labels": labels }, "spec": { "nets": nets } }))
    };
    let own = (global(), select(vec!["a", "b"])).prop_map(|(mut set, namespace)| {
        set["metadata"]["namespace"] = namespace.into();
        set
    });
    let tier =
        (select(vec![1.0, 2_000_000.0]), of(select(vec!["Deny", "Pass"]))).prop_map(|(order, action)| {
            with(vec![("order", Some(order.into())), ("defaultAction", action.map(Into::into))])
        });
    (tier, vec(global(), 0..3), vec(own, 0..3)).prop_map(|(tier, global, own)| {
        let of = |kind: &str| json!({ "apiVersion": "crd.projectcalico.org/v1", "kind": kind });
        let mut parts = ["Tier", "GlobalNetworkSetList", "NetworkSetList", "HostEndpointList"].map(of);
        parts[0]["metadata"] = json!({ "name": "t" });
        parts[0]["spec"] = tier;
        parts[1]["items"] = global.into();
        parts[2]["items"] = own.into();
        parts[3]["items"] = json!([]);
        parts.to_vec()
    })
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn contains(cidr: &Value, other: Other) -> bool {
    own::is_of(&json!({ "ipBlock": { "cidr": cidr, "except": [] } }), "", other)
}

/// Everything that the filter knows of the cluster.
pub(in crate::case::policy) struct World<'a> {
    pub(in crate::case::policy) objects: &'a [Value],
    pub(in crate::case::policy) direction: Direction,
    pub(in crate::case::policy) subject: Pod,
    pub(in crate::case::policy) other: Other,
    pub(in crate::case::policy) port: u16,
    pub(in crate::case::policy) protocol: &'a str,
}

impl World<'_> {
    fn of_kind(&self, kind: &str) -> Vec<&Value> {
        self.objects.iter().filter(|object| object["kind"] == kind).collect()
    }

    /// True if the end is a pod or an address of a set that the predicate selects.
    fn is_member(&self, other: Other, selects: &dyn Fn(Thing<'_>) -> bool) -> bool {
        let is_pod = match other {
            Other::Pod(pod) => {
                selects(Thing { namespace: Some(pod.namespace), k: pod.labels().first().map(|it| it.1) })
            }
            Other::Outside(_) => false,
        };
        let sets = ["GlobalNetworkSetList", "NetworkSetList"]
            .map(|kind| list(&self.of_kind(kind)[0]["items"]))
            .concat();
        is_pod
            || sets.iter().any(|set| {
                let metadata = &set["metadata"];
                let thing =
                    Thing { namespace: metadata["namespace"].as_str(), k: metadata["labels"]["k"].as_str() };
                selects(thing) && list(&set["spec"]["nets"]).iter().any(|net| contains(net, other))
            })
    }

    fn fits(&self, entity: &Value, policy: &Value, other: Other) -> bool {
        let nets = list(&entity["nets"]);
        let own = policy["metadata"]["namespace"].as_str();
        let has = |field: &str| entity[field].is_string();
        let selects = has("selector") || has("namespaceSelector") || (own.is_some() && has("notSelector"));
        let selected = |thing: Thing<'_>| {
            let namespace = if has("namespaceSelector") {
                means(&NAMESPACES, &entity["namespaceSelector"], thing)
            } else {
                own.is_none() || thing.namespace == own
            };
            namespace && means(&SELECTORS, &entity["selector"], thing)
        };
        let excluded = |thing: Thing<'_>| means(&SELECTORS, &entity["notSelector"], thing);
        (nets.is_empty() || nets.iter().any(|net| contains(net, other)))
            && !list(&entity["notNets"]).iter().any(|net| contains(net, other))
            && (!selects || self.is_member(other, &selected))
            && !(has("notSelector") && self.is_member(other, &excluded))
    }

    fn is_on(&self, port: &Value) -> bool {
        let named = self.direction == Direction::Ingress || matches!(self.other, Other::Pod(_));
        match port.as_str().map(|text| text.split_once(':')) {
            None => port == self.port,
            Some(None) => named && self.port == HTTP && self.protocol == "TCP",
            Some(Some((first, last))) => {
                (first.parse().unwrap()..=last.parse().unwrap()).contains(&self.port)
            }
        }
    }

    fn matches(&self, rule: &Value, policy: &Value) -> bool {
        let (own, other) = match self.direction {
            Direction::Ingress => ("destination", "source"),
            Direction::Egress => ("source", "destination"),
        };
        let (ports, not_ports) =
            (list(&rule["destination"]["ports"]), list(&rule["destination"]["notPorts"]));
        rule.get("protocol").is_none_or(|protocol| protocol == self.protocol)
            && rule.get("notProtocol").is_none_or(|protocol| protocol != self.protocol)
            && (ports.is_empty() || ports.iter().any(|port| self.is_on(port)))
            && !not_ports.iter().any(|port| self.is_on(port))
            && self.fits(&rule[own], policy, Other::Pod(self.subject))
            && self.fits(&rule[other], policy, self.other)
    }

    /// The policies of a tier that apply to the pod, apart from NetworkPolicies.
    fn applying(&self, tier: &str) -> Vec<&Value> {
        let (kind, subject) =
            (if self.direction == Direction::Ingress { "Ingress" } else { "Egress" }, self.subject);
        let thing = Thing { namespace: Some(subject.namespace), k: subject.labels().first().map(|it| it.1) };
        let of_calico =
            self.objects.iter().filter(|object| object["apiVersion"] == "crd.projectcalico.org/v1");
        let policies = of_calico.filter(|object| object["kind"].as_str().unwrap().ends_with("NetworkPolicy"));
        policies
            .filter(|policy| {
                let (spec, namespace) = (&policy["spec"], policy["metadata"]["namespace"].as_str());
                spec["tier"].as_str().unwrap_or("default") == tier
                    && list(&spec["types"]).contains(&json!(kind))
                    && namespace.is_none_or(|namespace| namespace == subject.namespace)
                    && means(&SELECTORS, &spec["selector"], thing)
            })
            .collect()
    }

    /// The word for what a tier makes of the packet.
    pub(in crate::case::policy) fn tier(&self, tier: &str) -> &'static str {
        let field = self.direction.field();
        let applying = self.applying(tier);
        let kubernetes: Vec<_> = self
            .objects
            .iter()
            .filter(|object| object["apiVersion"] == "networking.k8s.io/v1")
            .cloned()
            .collect();
        let isolated = tier == "default" && own::isolates(&kubernetes, self.direction, self.subject);
        for order in [Some(1.0), Some(2.0), Some(1000.0), None] {
            let mut effects = BTreeSet::new();
            for kind in ["NetworkPolicy", "GlobalNetworkPolicy"] {
                let mut of_kind: Vec<_> = applying
                    .iter()
                    .filter(|policy| policy["kind"] == kind && policy["spec"]["order"].as_f64() == order)
                    .collect();
                of_kind.sort_by_key(|policy| policy["metadata"]["name"].as_str());
                let rules = of_kind
                    .iter()
                    .flat_map(|policy| list(&policy["spec"][field]).into_iter().map(move |it| (it, policy)));
                let first = rules
                    .filter(|(rule, _)| rule["action"] != "Log")
                    .find(|(rule, policy)| self.matches(rule, policy));
                effects.extend(first.map(|(rule, _)| rule["action"].as_str().unwrap().to_owned()));
            }
            let packet = (self.direction, self.subject, self.other, self.port, self.protocol);
            if order == Some(1000.0)
                && isolated
                && own::passes(&kubernetes, packet.0, packet.1, packet.2, packet.3, packet.4)
            {
                effects.insert("Allow".to_owned());
            }
            match effects.into_iter().collect::<Vec<_>>().as_slice() {
                [] => (),
                [action] if action == "Allow" => return "pass",
                [action] if action == "Deny" => return "drop",
                [_] => return "next",
                _ => return "unknown",
            }
        }
        let passes = tier == "t" && self.of_kind("Tier")[0]["spec"]["defaultAction"] == "Pass";
        if (applying.is_empty() && !isolated) || passes { "next" } else { "drop" }
    }

    fn decides(&self) -> &'static str {
        let first = self.of_kind("Tier")[0]["spec"]["order"] == 1.0;
        for tier in if first { ["t", "default"] } else { ["default", "t"] } {
            match self.tier(tier) {
                "next" => (),
                effect => return effect,
            }
        }
        "pass"
    }
}

#[test]
fn random_policies_of_calico_pass_the_packets_of_an_independent_filter() {
    let of_kubernetes = own::policy().prop_map(|mut policy| {
        policy["apiVersion"] = "networking.k8s.io/v1".into();
        policy["kind"] = "NetworkPolicy".into();
        policy
    });
    let policies = vec(prop_oneof![1 => of_kubernetes, 3 => policy()], 0..6);
    let objects = (policies, parts()).prop_map(|(mut objects, parts)| {
        for (index, object) in objects.iter_mut().enumerate() {
            object["metadata"]["name"] = format!("p{index}").into();
        }
        objects.extend(parts);
        objects
    });
    let other = prop_oneof![own::pod().prop_map(Other::Pod), (0..16_u8).prop_map(Other::Outside)];
    let packet =
        (select(vec![Direction::Ingress, Direction::Egress]), own::pod(), other, 77..84_u16, any::<bool>());
    let mut runner = own::runner();
    let cases = runner.config().cases;
    let counted = std::cell::RefCell::new(BTreeMap::new());
    runner
        .run(&(objects, vec(packet, 8)), |(objects, packets)| {
            let model = Policies::of(objects.clone(), Vec::new());
            for (direction, subject, other, port, udp) in packets {
                let (transport, protocol) =
                    if udp { (Transport::Udp, "UDP") } else { (Transport::Tcp, "TCP") };
                let cluster = World { objects: &objects, direction, subject, other, port, protocol };
                let end = match other {
                    Other::Pod(pod) => pod.endpoint(),
                    Other::Outside(_) => Endpoint::default(),
                };
                let peer = match other {
                    Other::Pod(_) => Peer::Pod(&end),
                    Other::Outside(byte) => Peer::Address([10, 0, 0, byte].into()),
                };
                let verdict = model.verdict(&subject.endpoint(), &Flow { direction, peer, port, transport });
                let word = match &verdict {
                    Verdict::Open | Verdict::Allowed(_) => "pass",
                    Verdict::Denied(_) => "drop",
                    Verdict::DeniedIfKnown(_) => "drop, if known",
                    Verdict::NotEvaluated(_) => "unknown",
                };
                let expected = if model.opaque.is_empty() { cluster.decides() } else { "unknown" };
                assert_eq!(
                    word, expected,
                    "{direction:?} {subject:?} {other:?} {port}/{protocol}: {verdict:?}"
                );
                *counted.borrow_mut().entry(word).or_insert(0_u32) += 1;
            }
            Ok(())
        })
        .unwrap();
    let counted = counted.into_inner();
    assert!(counted.len() == 3 && counted.values().all(|&count| count > cases / 200), "{counted:?}");
}
