//! Calico's NetworkPolicy and GlobalNetworkPolicy, by their documentation (docs.tigera.io, "Network policy", "Global network
//! policy", "Tier") and by the meaning that Felix gives them (github.com/projectcalico/calico). The same object may be
//! visible through two API groups: as it is stored, and through Calico's own API server.

mod entity;
mod labels;
mod ports;
mod rules;
pub(super) mod selector;
mod sets;
mod tiers;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    endpoint::Direction,
    object,
    opaque::Opaque,
    order::{Family, Order},
    rule::{Namespaces, Policy, Subject},
    selection::Selection,
    verdict::Gap,
};
use selector::{Expression, Test};
use sets::Sets;
use tiers::Tiers;

/// The API groups of Calico: of the stored objects, and of Calico's own API server.
const GROUPS: [&str; 2] = ["crd.projectcalico.org", "projectcalico.org"];

/// The kinds that this module reads: policies, and the parts of a cluster that give them their meaning. A list holds all sets
/// of a kind in the whole cluster.
const KINDS: [&str; 9] = [
    "NetworkPolicy",
    "GlobalNetworkPolicy",
    "Tier",
    "NetworkSet",
    "GlobalNetworkSet",
    "HostEndpoint",
    "NetworkSetList",
    "GlobalNetworkSetList",
    "HostEndpointList",
];

/// Prefixes of the names under which Calico's API server shows policies of Kubernetes' kinds, each with the kind.
const SHOWN: [(&str, &str); 3] = [
    ("knp.default.", "NetworkPolicy"),
    ("kanp.adminnetworkpolicy.", "AdminNetworkPolicy"),
    ("kbanp.baselineadminnetworkpolicy.", "BaselineAdminNetworkPolicy"),
];

/// The parts of a cluster that give a policy its meaning.
struct Scope<'a> {
    /// The policy's namespace; `None` for a policy of the whole cluster.
    namespace: Option<&'a str>,
    sets: &'a Sets,
    tiers: &'a Tiers,
}

/// Returns true for an object that this module reads.
pub(super) fn is_known(group: &str, kind: &str) -> bool {
    GROUPS.contains(&group) && KINDS.contains(&kind)
}

/// Reads the policies among Calico's objects. `others` are objects of other groups.
pub(super) fn read(objects: &[&Value], others: &[Value]) -> (Vec<Policy>, Vec<Opaque>) {
    let (sets, tiers) = (Sets::of(objects), Tiers::of(objects));
    let mut readings: BTreeMap<Key<'_>, Policy> = BTreeMap::new();
    let mut opaque = Vec::new();
    let policies =
        objects.iter().filter(|it| it["kind"] == "NetworkPolicy" || it["kind"] == "GlobalNetworkPolicy");
    for object in policies.filter(|object| !is_shown(object, others)) {
        let metadata = &object["metadata"];
        let namespace = metadata["namespace"].as_str().filter(|_| object["kind"] == "NetworkPolicy");
        let policy = match policy(object, &Scope { namespace, sets: &sets, tiers: &tiers }) {
            Ok(Some(policy)) => policy,
            Ok(None) => continue,
            Err(why) => {
                opaque.push(not_evaluated(object, why));
                continue;
            }
        };
        match readings.get(&key(object)) {
            None => drop(readings.insert(key(object), policy)),
            Some(other) if same(other, &policy) => (),
            Some(_) => {
                let why =
                    "the API groups projectcalico.org and crd.projectcalico.org show different policies";
                opaque.push(not_evaluated(object, why.to_owned()));
            }
        }
    }
    (readings.into_values().collect(), opaque)
}

fn not_evaluated(object: &Value, why: String) -> Opaque {
    let (kind, ..) = key(object);
    let mut opaque = Opaque::of(object, "projectcalico.org", kind, &[]);
    opaque.gap = Gap { place: title(object), why };
    opaque
}

/// A policy's kind, namespace and name, the same for both API groups.
type Key<'a> = (&'a str, &'a str, &'a str);

/// The stored name begins with the tier; Calico's API server leaves `default.` out before version 3.29
/// (`libcalico-go/lib/clientv3`).
fn key(object: &Value) -> Key<'_> {
    let metadata = &object["metadata"];
    let [kind, namespace, name] = [&object["kind"], &metadata["namespace"], &metadata["name"]]
        .map(|value| value.as_str().unwrap_or_default());
    (kind, namespace, name.strip_prefix("default.").unwrap_or(name))
}

fn title(object: &Value) -> String {
    let (kind, _, name) = key(object);
    if kind == "NetworkPolicy" { format!("Calico NetworkPolicy {name}") } else { format!("{kind} {name}") }
}

fn same(one: &Policy, other: &Policy) -> bool {
    Policy { title: other.title.clone(), ..one.clone() } == *other
}

/// Returns true for a policy of another kind that Calico's API server shows, too, and that was read as the other kind.
fn is_shown(object: &Value, others: &[Value]) -> bool {
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    let read = |kind: &str, name: &str| {
        others.iter().any(|other| {
            let is_of_calico =
                other["apiVersion"].as_str().is_some_and(|it| it.contains("projectcalico.org/"));
            let of = &other["metadata"];
            !is_of_calico
                && other["kind"] == kind
                && of["name"] == name
                && of["namespace"] == metadata["namespace"]
        })
    };
    SHOWN.iter().any(|(prefix, kind)| name.strip_prefix(prefix).is_some_and(|name| read(kind, name)))
}

/// Reads a policy; `None` for a policy that binds hosts alone.
fn policy(object: &Value, scope: &Scope<'_>) -> Result<Option<Policy>, String> {
    let spec = &object["spec"];
    let mut fields = vec![
        "tier",
        "order",
        "ingress",
        "egress",
        "selector",
        "types",
        "serviceAccountSelector",
        "performanceHints",
    ];
    if scope.namespace.is_none() {
        fields.extend(["doNotTrack", "preDNAT", "applyOnForward", "namespaceSelector"]);
        // docs.tigera.io, "Global network policy": untracked and pre-DNAT policies apply to host endpoints alone.
        if spec["doNotTrack"] == true || spec["preDNAT"] == true {
            return Ok(None);
        }
    }
    let known = object::only(spec, &fields);
    let (tier, denies_the_rest) = scope.tiers.tier(entity::text(&spec["tier"]))?;
    let section = |direction| rules::section(spec, direction, denies_the_rest, scope);
    Ok(Some(Policy {
        title: title(object),
        family: Family::Calico,
        tier,
        order: spec["order"].as_f64().map_or(Order::LAST, Order),
        subject: Subject {
            namespaces: scope.namespace.map_or_else(Namespaces::every, |it| Namespaces::Named(it.to_owned())),
            pods: known.and_then(|()| subject(spec)).map(Selection::Calico),
        },
        ingress: section(Direction::Ingress),
        egress: section(Direction::Egress),
    }))
}

fn subject(spec: &Value) -> Result<Expression, String> {
    let mut parts = Vec::new();
    if let Some(selector) = entity::text(&spec["selector"]) {
        let nowhere = Err("global() is not known in the selector of a policy".to_owned());
        parts.push(Expression::parse(selector)?.about("", &Expression::All, &nowhere)?);
    }
    if let Some(selector) = entity::text(&spec["namespaceSelector"]) {
        let every = Expression::Has(labels::NAMESPACE.to_owned());
        let nowhere = Err("global() selects no pod".to_owned());
        parts.push(Expression::parse(selector)?.about(labels::OF_NAMESPACE, &every, &nowhere)?);
    }
    if let Some(selector) = entity::text(&spec["serviceAccountSelector"]) {
        parts.push(of_accounts(selector)?);
    }
    Ok(Expression::and(parts))
}

/// Returns the selector of the pods whose service accounts have these labels.
fn of_accounts(selector: &str) -> Result<Expression, String> {
    let every = Expression::Has(labels::SERVICE_ACCOUNT.to_owned());
    let nowhere = Err("global() selects no service account".to_owned());
    Expression::parse(selector)?.about(labels::OF_SERVICE_ACCOUNT, &every, &nowhere)
}

/// Returns the selector of everything in a namespace.
fn within(namespace: &str) -> Expression {
    Expression::Label(labels::NAMESPACE.to_owned(), Test::In(vec![namespace.to_owned()]))
}

#[cfg(test)]
pub(super) mod simulation;
#[cfg(test)]
mod tests;
