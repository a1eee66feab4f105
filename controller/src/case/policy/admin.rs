//! The kinds of the group `policy.networking.k8s.io`, by the API's own documentation (sigs.k8s.io/network-policy-api v0.3.0,
//! `apis/v1alpha1` and `apis/v1alpha2`): AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy.

mod ports;

use serde_json::Value;

use super::{
    endpoint::Direction,
    object,
    order::{Family, Order, Tier},
    rule::{Action, Namespaces, PeerRule, Policy, Rule, Section, Subject},
    selection::Selection,
    words,
};

/// The group of these kinds.
pub const GROUP: &str = "policy.networking.k8s.io";

/// A kind of admin policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// AdminNetworkPolicy of `v1alpha1`.
    Admin,
    /// BaselineAdminNetworkPolicy of `v1alpha1`.
    Baseline,
    /// ClusterNetworkPolicy of `v1alpha2`.
    Cluster,
}

impl Kind {
    /// Returns the kind with this name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Admin, Self::Baseline, Self::Cluster].into_iter().find(|kind| kind.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Admin => "AdminNetworkPolicy",
            Self::Baseline => "BaselineAdminNetworkPolicy",
            Self::Cluster => "ClusterNetworkPolicy",
        }
    }

    const fn family(self) -> Family {
        match self {
            Self::Admin | Self::Baseline => Family::Admin,
            Self::Cluster => Family::Cluster,
        }
    }

    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Admin => &["priority", "subject", "ingress", "egress"],
            Self::Baseline => &["subject", "ingress", "egress"],
            Self::Cluster => &["tier", "priority", "subject", "ingress", "egress"],
        }
    }
}

/// Reads an admin policy. Parts that cannot be evaluated are kept with the reason.
pub fn read(policy: &Value, kind: Kind) -> Policy {
    let metadata = &policy["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    let spec = &policy["spec"];
    let (tier, known) = match (kind, spec["tier"].as_str()) {
        (Kind::Admin, _) | (Kind::Cluster, Some("Admin")) => (Tier::admin(), Ok(())),
        (Kind::Baseline, _) | (Kind::Cluster, Some("Baseline")) => (Tier::baseline(), Ok(())),
        (Kind::Cluster, _) => (Tier::admin(), Err(format!("the tier {} is not known", spec["tier"]))),
    };
    let order = match (kind, spec["priority"].as_f64()) {
        (_, Some(priority)) => Ok(Order(priority)),
        (Kind::Baseline, None) => Ok(Order::default()),
        (_, None) => Err("the priority is missing".to_owned()),
    };
    let known = known.and_then(|()| object::only(spec, kind.fields())).and(order.clone().map(|_| ()));
    let unknown = |why| Subject { namespaces: Namespaces::every(), pods: Err(why) };
    Policy {
        title: format!("{} {name}", kind.name()),
        family: kind.family(),
        tier,
        order: order.unwrap_or_default(),
        subject: known.and_then(|()| subject(&spec["subject"])).unwrap_or_else(unknown),
        ingress: section(spec, Direction::Ingress, kind),
        egress: section(spec, Direction::Egress, kind),
    }
}

/// Reads the pods that an admin policy binds.
pub(super) fn subject(value: &Value) -> Result<Subject, String> {
    object::only(value, &["namespaces", "pods"])?;
    let (namespaces, pods) = selected(value)?;
    Ok(Subject { namespaces, pods: Ok(pods) })
}

/// Reads the two ways to select pods: all of some namespaces, or some of some namespaces (`NamespacedPod`).
fn selected(value: &Value) -> Result<(Namespaces, Selection), String> {
    match (&value["namespaces"], &value["pods"]) {
        (Value::Null, Value::Null) => Err("neither namespaces nor pods are selected".to_owned()),
        (namespaces, Value::Null) => {
            Ok((Namespaces::Labelled(object::selector(namespaces)?), Selection::every()))
        }
        (Value::Null, pods) => {
            object::only(pods, &["namespaceSelector", "podSelector"])?;
            Ok((
                Namespaces::Labelled(object::selector(&pods["namespaceSelector"])?),
                Selection::Labels(object::selector(&pods["podSelector"])?),
            ))
        }
        _ => Err("both namespaces and pods are selected".to_owned()),
    }
}

/// A policy without rules for a direction does not affect it (`AdminNetworkPolicySpec.ingress`). Traffic that no rule
/// matches goes to the next tier.
fn section(spec: &Value, direction: Direction, kind: Kind) -> Option<Section> {
    let field = direction.field();
    let rules = spec[field].as_array().filter(|rules| !rules.is_empty())?.iter().enumerate();
    let rules = rules.map(|(index, value)| {
        let place = format!("{field}[{index}]");
        rule(value, direction, kind, &place).unwrap_or_else(|(action, why)| Rule {
            place,
            action,
            peers: Some(vec![PeerRule::Unread(why)]),
            ports: None,
        })
    });
    Some(Section { rules: rules.collect(), denies_the_rest: false })
}

fn rule(value: &Value, direction: Direction, kind: Kind, place: &str) -> Result<Rule, (Action, String)> {
    let action = match (value["action"].as_str(), kind) {
        (Some("Allow"), Kind::Admin | Kind::Baseline) | (Some("Accept"), Kind::Cluster) => Action::Allow,
        (Some("Deny"), _) => Action::Deny,
        (Some("Pass"), Kind::Admin | Kind::Cluster) => Action::Pass,
        // No verdict holds beside a rule that may leave the decision to another tier.
        (_, _) => return Err((Action::Pass, format!("the action {} is not known", value["action"]))),
    };
    let of = |why| (action, why);
    let peers = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let ports = match kind {
        Kind::Admin | Kind::Baseline => "ports",
        Kind::Cluster => "protocols",
    };
    object::only(value, &["name", "action", peers, ports]).map_err(of)?;
    // "Must be defined and contain at least one item": implementations differ in what they make of an empty list.
    let listed = value[peers].as_array().filter(|list| !list.is_empty());
    let listed = listed.ok_or_else(|| of("the rule has no peers".to_owned()))?;
    Ok(Rule {
        place: place.to_owned(),
        action,
        peers: Some(listed.iter().flat_map(|value| peer(value, direction)).collect()),
        ports: ports::read(&value[ports], kind),
    })
}

/// Reads a peer. A peer with a field that an implementation does not know makes it "fail closed", in its own way.
fn peer(value: &Value, direction: Direction) -> Vec<PeerRule> {
    let known: &[&str] = match direction {
        Direction::Ingress => &["namespaces", "pods"],
        Direction::Egress => &["namespaces", "pods", "nodes", "networks", "domainNames"],
    };
    let several = value.as_object().is_some_and(|fields| fields.len() > 1);
    let known = object::only(value, known)
        .and_then(|()| if several { Err("a peer must have a single field".to_owned()) } else { Ok(()) });
    if let Err(why) = known {
        return vec![PeerRule::Unread(why)];
    }
    let block = |value| match object::block(value) {
        Ok(block) => PeerRule::Block { block, except: Vec::new() },
        Err(why) => PeerRule::Unread(why),
    };
    let names = |names: &[Value]| names.iter().map(object::text).collect::<Result<_, _>>();
    let (nodes, networks, domains) = (&value["nodes"], &value["networks"], &value["domainNames"]);
    match (nodes.is_null(), networks.as_array(), domains.as_array()) {
        (false, ..) => vec![
            object::selector(nodes)
                .map_or_else(PeerRule::Unread, |nodes| PeerRule::Nodes(words::selector(&nodes))),
        ],
        (true, Some(networks), _) => networks.iter().map(block).collect(),
        (true, None, Some(domains)) => vec![names(domains).map_or_else(PeerRule::Unread, PeerRule::Names)],
        (true, None, None) => {
            let pods = |(namespaces, pods)| PeerRule::Pods { namespaces, pods };
            vec![selected(value).map_or_else(PeerRule::Unread, pods)]
        }
    }
}

#[cfg(test)]
pub(super) mod simulation;
#[cfg(test)]
mod tests;
