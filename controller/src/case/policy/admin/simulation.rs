//! Random admin policies beside random NetworkPolicies, by the model and by a packet filter that is written from the API's
//! text alone. The filter reads the JSON itself and shares no code with the model.

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
};
use serde_json::{Value, json};

use crate::case::policy::{
    Direction, Endpoint, Flow, Peer, Policies, Transport, Verdict,
    network_policy::simulation::{self as own, HTTP, Other, Pod},
};

fn peer(is_egress: bool) -> impl Strategy<Value = Value> {
    let selected = prop_oneof![
        own::selector().prop_map(|namespaces| json!({ "namespaces": namespaces })),
        (own::selector(), own::selector()).prop_map(
            |(namespaces, pods)| json!({ "pods": { "namespaceSelector": namespaces, "podSelector": pods } })
        ),
    ];
    let block = (0..16_u8, 29..=32_u8).prop_map(|(byte, bits)| format!("10.0.0.{byte}/{bits}"));
    let networks = vec(block, 1..3).prop_map(|networks| json!({ "networks": networks }));
    (selected, networks, any::<bool>())
        .prop_map(move |(selected, networks, outside)| if is_egress && outside { networks } else { selected })
}

fn ports(is_cluster: bool) -> impl Strategy<Value = Option<Vec<Value>>> {
    let numbers = (78..83_u16, 1..4_u16, select(vec!["TCP", "UDP"]), any::<bool>());
    let number = numbers.prop_map(move |(first, more, protocol, is_range)| match (is_cluster, is_range) {
        (false, false) => json!({ "portNumber": { "protocol": protocol, "port": first } }),
        (false, true) => json!({ "portRange": { "protocol": protocol, "start": first, "end": first + more } }),
        (true, false) => json!({ protocol.to_lowercase(): { "destinationPort": { "number": first } } }),
        (true, true) => {
            json!({ protocol.to_lowercase(): { "destinationPort": { "range": { "start": first, "end": first + more } } } })
        }
    });
    let named = if is_cluster { "destinationNamedPort" } else { "namedPort" };
    let port = prop_oneof![4 => number, 1 => Just(json!({ named: "http" }))];
    prop_oneof![1 => Just(None), 1 => vec(port, 1..3).prop_map(Some)]
}

fn rules(kind: &'static str, peers: &'static str) -> impl Strategy<Value = Value> {
    let actions = match kind {
        "ClusterNetworkPolicy" => vec!["Accept", "Deny", "Pass"],
        "AdminNetworkPolicy" => vec!["Allow", "Deny", "Pass"],
        _ => vec!["Allow", "Deny"],
    };
    let is_cluster = kind == "ClusterNetworkPolicy";
    let rule = (select(actions), vec(peer(peers == "to"), 1..3), ports(is_cluster)).prop_map(
        move |(action, list, ports)| {
            let mut rule = json!({ "action": action, peers: list });
            if let Some(ports) = ports {
                rule[if is_cluster { "protocols" } else { "ports" }] = ports.into();
            }
            rule
        },
    );
    vec(rule, 0..3).prop_map(Value::from)
}

pub(in crate::case::policy) fn policy(kind: &'static str) -> impl Strategy<Value = Value> {
    let subject = peer(false);
    let parts =
        (subject, 0..2_u32, select(vec!["Admin", "Baseline"]), rules(kind, "from"), rules(kind, "to"));
    parts.prop_map(move |(subject, priority, tier, ingress, egress)| {
        let mut spec = json!({ "subject": subject, "ingress": ingress, "egress": egress });
        if kind != "BaselineAdminNetworkPolicy" {
            spec["priority"] = priority.into();
        }
        if kind == "ClusterNetworkPolicy" {
            spec["tier"] = tier.into();
        }
        json!({ "apiVersion": "policy.networking.k8s.io/v1", "kind": kind, "spec": spec })
    })
}

/// An effect of a tier: `None` if several policies of one priority decide differently.
pub(in crate::case::policy) type Effect = Option<&'static str>;

/// The effect of the admin policies of one tier: the lowest priority with a rule that matches decides.
fn tier(
    policies: &[&Value],
    direction: Direction,
    subject: Pod,
    other: Other,
    port: u16,
    protocol: &str,
) -> Effect {
    let (field, peers) = match direction {
        Direction::Ingress => ("ingress", "from"),
        Direction::Egress => ("egress", "to"),
    };
    for priority in 0..4 {
        let mut effects = Vec::new();
        for policy in policies {
            let spec = &policy["spec"];
            if spec["priority"].as_u64().unwrap_or(0) != priority
                || !is_of(&spec["subject"], Other::Pod(subject))
            {
                continue;
            }
            let rule = spec[field].as_array().unwrap().iter().find(|rule| {
                let fits = rule[peers].as_array().unwrap().iter().any(|peer| is_of(peer, other));
                let list = rule["ports"].as_array().or(rule["protocols"].as_array());
                let named = direction == Direction::Ingress || matches!(other, Other::Pod(_));
                fits && list.is_none_or(|list| list.iter().any(|it| is_on(it, port, protocol, named)))
            });
            effects.extend(rule.map(|rule| match rule["action"].as_str().unwrap() {
                "Allow" | "Accept" => "pass",
                "Deny" => "drop",
                _ => "next",
            }));
        }
        effects.dedup();
        match effects.as_slice() {
            [] => (),
            [effect] => return Some(effect),
            _ => return None,
        }
    }
    Some("next")
}

fn is_of(peer: &Value, other: Other) -> bool {
    if let Some(networks) = peer["networks"].as_array() {
        let block =
            |cidr: &Value| own::is_of(&json!({ "ipBlock": { "cidr": cidr, "except": [] } }), "", other);
        return networks.iter().any(block);
    }
    let Other::Pod(pod) = other else { return false };
    let (namespaces, pods) = match peer.get("namespaces") {
        Some(namespaces) => (namespaces, None),
        None => (&peer["pods"]["namespaceSelector"], Some(&peer["pods"]["podSelector"])),
    };
    own::selects(namespaces, &[("n", pod.namespace)])
        && pods.is_none_or(|selector| own::selects(selector, &pod.labels()))
}

fn is_on(rule: &Value, port: u16, protocol: &str, has_names: bool) -> bool {
    let number = u64::from(port);
    let within =
        |range: &Value| range["start"].as_u64() <= Some(number) && Some(number) <= range["end"].as_u64();
    if rule.get("namedPort").or(rule.get("destinationNamedPort")).is_some() {
        return has_names && port == HTTP && protocol == "TCP";
    }
    for (field, is_range) in [("portNumber", false), ("portRange", true)] {
        if let Some(part) = rule.get(field) {
            let on = if is_range { within(part) } else { part["port"] == number };
            return on && part["protocol"] == protocol;
        }
    }
    let port = &rule[protocol.to_lowercase()]["destinationPort"];
    !port.is_null() && (port["number"] == number || (!port["range"].is_null() && within(&port["range"])))
}

/// The effect of the admin policies before all others, or after them (`baseline`), in a network that knows these kinds.
pub(in crate::case::policy) fn of_tier(
    policies: &[Value],
    known: &[&str],
    baseline: bool,
    (direction, subject, other, port, protocol): (Direction, Pod, Other, u16, &str),
) -> Effect {
    let tier_of = |policy: &&Value| match policy["kind"].as_str().unwrap() {
        "BaselineAdminNetworkPolicy" => baseline,
        "AdminNetworkPolicy" => !baseline,
        "ClusterNetworkPolicy" => (policy["spec"]["tier"] == "Baseline") == baseline,
        _ => false,
    };
    let known = |policy: &&Value| known.contains(&policy["kind"].as_str().unwrap());
    let policies: Vec<_> = policies.iter().filter(known).filter(tier_of).collect();
    tier(&policies, direction, subject, other, port, protocol)
}

/// The filter: the word for what becomes of the packet in a network that knows these kinds.
pub(in crate::case::policy) fn decides(
    policies: &[Value],
    known: &[&str],
    direction: Direction,
    subject: Pod,
    other: Other,
    port: u16,
    protocol: &str,
) -> Effect {
    let packet = (direction, subject, other, port, protocol);
    match of_tier(policies, known, false, packet) {
        Some("next") => (),
        effect => return effect,
    }
    let of_namespaces: Vec<_> = policies.iter().filter(|it| it["kind"] == "NetworkPolicy").cloned().collect();
    if own::isolates(&of_namespaces, direction, subject) {
        let passes = own::passes(&of_namespaces, direction, subject, other, port, protocol);
        return Some(if passes { "pass" } else { "drop" });
    }
    match of_tier(policies, known, true, packet) {
        Some("next") => Some("pass"),
        effect => effect,
    }
}

/// The word for what is known of the packet's end, whatever kinds the network knows.
fn expected(
    policies: &[Value],
    direction: Direction,
    subject: Pod,
    other: Other,
    port: u16,
    protocol: &str,
) -> &'static str {
    let old = ["AdminNetworkPolicy", "BaselineAdminNetworkPolicy"];
    let new = ["ClusterNetworkPolicy"];
    let both = [old[0], old[1], new[0]];
    let known = |kinds: &[&str]| decides(policies, kinds, direction, subject, other, port, protocol);
    let all = known(&both);
    let fewer = [known(&[]), known(&old), known(&new)];
    match all {
        Some("pass") => "pass",
        None => "unknown",
        Some(_) if fewer.contains(&Some("pass")) => "drop, if known",
        Some(_) if fewer.contains(&None) => "unknown",
        Some(_) => "drop",
    }
}

#[test]
fn random_admin_policies_pass_the_packets_of_an_independent_filter() {
    let policies = vec(
        prop_oneof![
            own::policy().prop_map(|mut policy| {
                policy["apiVersion"] = "networking.k8s.io/v1".into();
                policy["kind"] = "NetworkPolicy".into();
                policy
            }),
            policy("AdminNetworkPolicy"),
            policy("BaselineAdminNetworkPolicy"),
            policy("ClusterNetworkPolicy"),
        ],
        0..6,
    )
    .prop_map(|mut policies| {
        for (index, policy) in policies.iter_mut().enumerate() {
            policy["metadata"]["name"] = format!("p{index}").into();
        }
        policies
    });
    let other = prop_oneof![own::pod().prop_map(Other::Pod), (0..16_u8).prop_map(Other::Outside)];
    let packet =
        (select(vec![Direction::Ingress, Direction::Egress]), own::pod(), other, 77..84_u16, any::<bool>());
    let mut runner = own::runner();
    let cases = runner.config().cases;
    let counted = std::cell::RefCell::new(std::collections::BTreeMap::new());
    runner
        .run(&(policies, vec(packet, 8)), |(policies, packets)| {
            let model = Policies::of(policies.clone(), Vec::new());
            for (direction, subject, other, port, udp) in packets {
                let (transport, protocol) =
                    if udp { (Transport::Udp, "UDP") } else { (Transport::Tcp, "TCP") };
                let expected = expected(&policies, direction, subject, other, port, protocol);
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
    assert!(counted.len() == 4 && counted.values().all(|&count| count > cases / 200), "{counted:?}");
}
