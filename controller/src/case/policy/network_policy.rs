//! NetworkPolicy of `networking.k8s.io/v1`, by the API's own documentation (k8s.io/api, `networking/v1/types.go`).

use serde_json::Value;

use super::{
    endpoint::{Direction, Transport},
    object,
    order::{Family, Order, Tier},
    rule::{Action, Namespaces, PeerRule, Policy, PortRange, PortRule, Rule, Section, Subject},
    selection::Selection,
};

/// The order of NetworkPolicies among Calico's policies (docs.tigera.io, "Global network policy").
const ORDER: Order = Order(1000.0);

/// Reads a NetworkPolicy. Parts that cannot be evaluated are kept with the reason.
pub fn read(policy: &Value) -> Policy {
    let metadata = &policy["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or_default();
    let name = metadata["name"].as_str().unwrap_or_default();
    let spec = &policy["spec"];
    let section = |direction| {
        let rules = || rules(spec, direction, namespace);
        binds(spec, direction).then(|| Section { rules: rules(), denies_the_rest: true })
    };
    let known = object::only(spec, &["podSelector", "policyTypes", "ingress", "egress"]);
    Policy {
        title: format!("NetworkPolicy {name}"),
        family: Family::Kubernetes,
        tier: Tier::default_tier(),
        order: ORDER,
        subject: Subject {
            namespaces: Namespaces::Named(namespace.to_owned()),
            pods: known.and_then(|()| object::selector(&spec["podSelector"])).map(Selection::Labels),
        },
        ingress: section(Direction::Ingress),
        egress: section(Direction::Egress),
    }
}

/// Without types, a policy always binds ingress; it binds egress if it has egress rules (`NetworkPolicySpec.policyTypes`).
fn binds(spec: &Value, direction: Direction) -> bool {
    let listed = |field: &str| spec[field].as_array().filter(|list| !list.is_empty());
    match (listed("policyTypes"), direction) {
        (Some(types), Direction::Ingress) => types.iter().any(|it| it == "Ingress"),
        (Some(types), Direction::Egress) => types.iter().any(|it| it == "Egress"),
        (None, Direction::Ingress) => true,
        (None, Direction::Egress) => listed("egress").is_some(),
    }
}

fn rules(spec: &Value, direction: Direction, namespace: &str) -> Vec<Rule> {
    let field = direction.field();
    let rules = spec[field].as_array().into_iter().flatten().enumerate();
    rules.map(|(index, value)| rule(value, direction, namespace, format!("{field}[{index}]"))).collect()
}

fn rule(value: &Value, direction: Direction, namespace: &str, place: String) -> Rule {
    let peers = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    if let Err(why) = object::only(value, &[peers, "ports"]) {
        return Rule { place, action: Action::Allow, peers: Some(vec![PeerRule::Unread(why)]), ports: None };
    }
    // An empty list means the same as none: everything matches.
    let listed = |field: &str| value[field].as_array().filter(|list| !list.is_empty());
    let peer = |value| peer(value, namespace).unwrap_or_else(PeerRule::Unread);
    let port = |value| port(value).unwrap_or_else(PortRule::Unread);
    Rule {
        place,
        action: Action::Allow,
        peers: listed(peers).map(|list| list.iter().map(peer).collect()),
        ports: listed("ports").map(|list| list.iter().map(port).collect()),
    }
}

fn peer(value: &Value, namespace: &str) -> Result<PeerRule, String> {
    object::only(value, &["ipBlock", "namespaceSelector", "podSelector"])?;
    let part = |field: &str| Some(&value[field]).filter(|part| !part.is_null());
    match (part("ipBlock"), part("namespaceSelector"), part("podSelector")) {
        (Some(block), None, None) => {
            object::only(block, &["cidr", "except"])?;
            let except = block["except"].as_array().into_iter().flatten().map(object::block);
            Ok(PeerRule::Block {
                block: object::block(&block["cidr"])?,
                except: except.collect::<Result<_, _>>()?,
            })
        }
        (None, None, None) | (Some(_), ..) => {
            Err("a peer needs either a block of addresses or selectors".to_owned())
        }
        (None, namespaces, pods) => Ok(PeerRule::Pods {
            namespaces: match namespaces {
                Some(selector) => Namespaces::Labelled(object::selector(selector)?),
                None => Namespaces::Named(namespace.to_owned()),
            },
            pods: pods.map_or_else(
                || Ok(Selection::every()),
                |pods| object::selector(pods).map(Selection::Labels),
            )?,
        }),
    }
}

fn port(value: &Value) -> Result<PortRule, String> {
    object::only(value, &["protocol", "port", "endPort"])?;
    let transport = match &value["protocol"] {
        Value::Null => Transport::Tcp,
        protocol => {
            let name = object::text(protocol)?;
            Transport::parse(&name).ok_or_else(|| format!("the protocol {name} is not known"))?
        }
    };
    let range = match (&value["port"], &value["endPort"]) {
        (Value::Null, Value::Null) => PortRange::Every,
        (Value::String(name), Value::Null) => PortRange::Named(name.clone()),
        (number, Value::Null) => {
            let number = object::port(number)?;
            PortRange::Numbers(number, number)
        }
        (first, last) => PortRange::between(object::port(first)?, object::port(last)?)?,
    };
    Ok(PortRule::Ports(transport, range))
}

#[cfg(test)]
pub(super) mod simulation;
#[cfg(test)]
mod tests;
