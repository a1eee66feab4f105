//! The packet filter. Every end of a packet has an identity: a set of labels with their sources. Rules are lists of
//! selectors of identities beside lists of ports, as in `types.PolicyEntry` of Cilium's `pkg/policy`.

use serde_json::{Value, json};

use super::End;
use crate::case::policy::{
    Direction,
    network_policy::simulation::{self as own, HTTP, Other, Pod},
};

#[derive(Clone, Copy, Debug)]
pub(in crate::case::policy) struct Packet {
    pub(in crate::case::policy) direction: Direction,
    pub(in crate::case::policy) subject: Pod,
    pub(in crate::case::policy) end: End,
    pub(in crate::case::policy) port: u16,
    pub(in crate::case::policy) protocol: &'static str,
}

/// A label of an identity: source, key and value.
type Label = (&'static str, String, String);

const NAMESPACE: &str = "io.kubernetes.pod.namespace";

fn of_pod(pod: Pod) -> Vec<Label> {
    let label = |key: &str, value: &str| ("k8s", key.to_owned(), value.to_owned());
    let mut labels: Vec<_> = pod.labels().into_iter().map(|(key, value)| label(key, value)).collect();
    labels.push(label(NAMESPACE, pod.namespace));
    labels.push(label("io.cilium.k8s.namespace.labels.n", pod.namespace));
    labels.push(label("io.cilium.k8s.policy.serviceaccount", "default"));
    labels
}

fn of_end(end: End) -> Vec<Label> {
    let names = match end {
        End::Pod(pod) => return of_pod(pod),
        End::Outside(_) => vec!["world"],
        End::OwnNode { api_server: false } => vec!["host"],
        End::OwnNode { api_server: true } => vec!["host", "kube-apiserver"],
        End::OtherNode { api_server: false } => vec!["remote-node"],
        End::OtherNode { api_server: true } => vec!["remote-node", "kube-apiserver"],
        End::ApiServerOutside => vec!["kube-apiserver", "world"],
    };
    names.into_iter().map(|name| ("reserved", name.to_owned(), String::new())).collect()
}

fn lookup<'a>(key: &str, labels: &'a [Label]) -> Option<&'a str> {
    let (source, key) = key.split_once(':').unwrap_or(("any", key));
    let mut found = labels.iter().filter(|label| (source == "any" || source == label.0) && key == label.1);
    found.next().map(|label| label.2.as_str())
}

fn selects(selector: &Value, labels: &[Label]) -> bool {
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let mut held: Vec<bool> = equal.map(|(key, value)| lookup(key, labels) == value.as_str()).collect();
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let value = lookup(expression["key"].as_str().unwrap(), labels);
        let among = value
            .is_some_and(|value| expression["values"].as_array().into_iter().flatten().any(|it| it == value));
        held.push(match expression["operator"].as_str().unwrap() {
            "In" => among,
            "NotIn" => !among,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            other => panic!("{other}"),
        });
    }
    !held.contains(&false)
}

fn keys(selector: &Value) -> Vec<String> {
    let equal = selector["matchLabels"].as_object().into_iter().flatten().map(|(key, _)| key.clone());
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    equal.chain(expressions.map(|it| it["key"].as_str().unwrap().to_owned())).collect()
}

/// Follows `getEndpointSelector` of Cilium.
fn selects_peer(selector: &Value, namespace: Option<&str>, labels: &[Label]) -> bool {
    let keys = keys(selector);
    let names = |begin: &str| keys.iter().any(|key| key.trim_start_matches("k8s:").starts_with(begin));
    let mut selector = selector.clone();
    if names("reserved:") || names(NAMESPACE) {
        return selects(&selector, labels);
    }
    match namespace {
        None => {
            let mut all = selector["matchExpressions"].as_array().cloned().unwrap_or_default();
            all.push(json!({ "key": format!("k8s:{NAMESPACE}"), "operator": "Exists" }));
            selector["matchExpressions"] = all.into();
        }
        Some(_) if names("io.cilium.k8s.namespace.labels.") => (),
        Some(own) => {
            if !selector["matchLabels"].is_object() {
                selector["matchLabels"] = json!({});
            }
            selector["matchLabels"][format!("k8s:{NAMESPACE}")] = json!(own);
        }
    }
    selects(&selector, labels)
}

fn is_in(cidr: &str, end: End) -> bool {
    let End::Outside(byte) = end else { return false };
    let (base, bits) = cidr.split_once('/').unwrap();
    let base: u32 = base.rsplit_once('.').unwrap().1.parse().unwrap();
    let size = 1 << (32 - bits.parse::<u32>().unwrap());
    base / size == u32::from(byte) / size
}

fn has_entity(entity: &str, end: End, labels: &[Label]) -> bool {
    let is = |name: &str| lookup(&format!("reserved:{name}"), labels).is_some();
    match entity {
        "all" => true,
        "cluster" => {
            matches!(end, End::Pod(_))
                || ["host", "remote-node", "kube-apiserver"].iter().any(|name| is(name))
        }
        name => is(name),
    }
}

pub(in crate::case::policy) fn has_rules(part: &Value) -> bool {
    let lists = ["ingress", "ingressDeny", "egress", "egressDeny"];
    lists.iter().any(|list| part[*list].as_array().is_some_and(|rules| !rules.is_empty()))
}

/// The verdict on a packet where no other policies are.
pub(super) fn passes(network_policies: &[Value], policies: &[Value], packet: &Packet) -> bool {
    decides(network_policies, policies, packet).unwrap_or(true)
}

/// The verdict on a packet: no denying entry, and an allowing one. `None` if nothing isolates the pod and no entry is its own.
pub(in crate::case::policy) fn decides(
    network_policies: &[Value],
    policies: &[Value],
    packet: &Packet,
) -> Option<bool> {
    let other = match packet.end {
        End::Pod(pod) => Other::Pod(pod),
        End::Outside(byte) => Other::Outside(byte),
        _ => Other::Outside(u8::MAX),
    };
    let (direction, subject) = (packet.direction, packet.subject);
    let mut isolated = own::isolates(network_policies, direction, subject);
    let mut allowed =
        isolated && own::passes(network_policies, direction, subject, other, packet.port, packet.protocol);
    let side = if direction == Direction::Ingress { "ingress" } else { "egress" };
    for policy in policies {
        let namespace = policy["metadata"]["namespace"].as_str();
        let parts = policy["specs"].as_array().into_iter().flatten().chain([&policy["spec"]]);
        for part in parts.filter(|part| binds(part, namespace, subject)) {
            let rules = |list: &str| part[list].as_array().cloned().unwrap_or_default();
            let (allowing, denying) = (rules(side), rules(&format!("{side}Deny")));
            let has_rules = !allowing.is_empty() || !denying.is_empty();
            isolated |= has_rules && part["enableDefaultDeny"][side].as_bool().unwrap_or(true);
            if denying.iter().any(|rule| matches(rule, namespace, packet)) {
                return Some(false);
            }
            allowed |= allowing.iter().any(|rule| matches(rule, namespace, packet));
        }
    }
    (allowed || isolated).then_some(allowed)
}

/// Follows `ParseToCiliumRule` of Cilium.
fn binds(part: &Value, namespace: Option<&str>, subject: Pod) -> bool {
    let mut selector = part["endpointSelector"].clone();
    if selector.is_null() {
        return false;
    }
    if let Some(namespace) = namespace {
        if !selector["matchLabels"].is_object() {
            selector["matchLabels"] = json!({});
        }
        selector["matchLabels"][format!("k8s:{NAMESPACE}")] = json!(namespace);
    }
    selects(&selector, &of_pod(subject))
}

/// Follows `mergeEndpointSelectors` and `rule.mergeL4Filter` of Cilium.
fn matches(rule: &Value, namespace: Option<&str>, packet: &Packet) -> bool {
    let prefix = if packet.direction == Direction::Ingress { "from" } else { "to" };
    let member = |name: &str| rule[format!("{prefix}{name}")].as_array();
    let labels = of_end(packet.end);
    let mut selected = Vec::new();
    for name in ["Endpoints", "Entities", "CIDR", "CIDRSet"] {
        let Some(list) = member(name) else { continue };
        if list.is_empty() {
            return false;
        }
        selected.extend(list.iter().map(|peer| match name {
            "Endpoints" => selects_peer(peer, namespace, &labels),
            "Entities" => has_entity(peer.as_str().unwrap(), packet.end, &labels),
            "CIDR" => is_in(peer.as_str().unwrap(), packet.end),
            _ => {
                let mut except = peer["except"].as_array().unwrap().iter();
                is_in(peer["cidr"].as_str().unwrap(), packet.end)
                    && !except.any(|cidr| is_in(cidr.as_str().unwrap(), packet.end))
            }
        }));
    }
    let items = |name: &str| rule[name].as_array().cloned().unwrap_or_default();
    let (ports, icmps) = (items("toPorts"), items("icmps"));
    let only_peers = ports.is_empty() && icmps.is_empty();
    let peer_fits = selected.contains(&true) || (selected.is_empty() && !only_peers);
    let mut listed = ports.iter().flat_map(|item| item["ports"].as_array().into_iter().flatten());
    peer_fits && (only_peers || listed.any(|port| is_on(port, packet)))
}

fn is_on(rule: &Value, packet: &Packet) -> bool {
    let protocol = rule["protocol"].as_str().unwrap_or("ANY");
    let named = packet.direction == Direction::Ingress || matches!(packet.end, End::Pod(_));
    let fits = match rule["port"].as_str().unwrap() {
        "none" => false,
        "http" => named && packet.port == HTTP && packet.protocol == "TCP",
        "0" => true,
        first => {
            let first: u64 = first.parse().unwrap();
            (first..=rule["endPort"].as_u64().unwrap_or(first)).contains(&u64::from(packet.port))
        }
    };
    fits && ["ANY", packet.protocol].contains(&protocol)
}
