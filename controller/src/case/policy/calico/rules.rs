//! Rules of Calico's policies (`Rule`). All criteria of a rule must match.

use serde_json::Value;

use super::{Scope, entity, ports};
use crate::case::policy::{
    block::Block,
    endpoint::Direction,
    object,
    rule::{Action, PeerRule, Rule, Section},
};

const FIELDS: &[&str] = &[
    "action",
    "ipVersion",
    "protocol",
    "notProtocol",
    "icmp",
    "notICMP",
    "http",
    "metadata",
    "source",
    "destination",
];

/// Reads the rules for a direction; `None` if the policy does not bind it.
pub(super) fn section(
    spec: &Value,
    direction: Direction,
    denies_the_rest: bool,
    scope: &Scope<'_>,
) -> Option<Section> {
    let field = direction.field();
    let listed = |field: &str| spec[field].as_array().filter(|list| !list.is_empty());
    let rules = listed(field).into_iter().flatten().enumerate();
    let mut rules: Vec<_> =
        rules.map(|(index, value)| rule(value, direction, &format!("{field}[{index}]"), scope)).collect();
    let types = listed("types")
        .map(|types| types.iter().any(|it| it.as_str().is_some_and(|it| it.eq_ignore_ascii_case(field))));
    match types {
        Some(true) => Some(Section { rules, denies_the_rest }),
        Some(false) => None,
        None if !rules.is_empty() => Some(Section { rules, denies_the_rest }),
        // Without types and with ingress rules alone or none, the policy binds ingress.
        None if direction == Direction::Ingress && listed("egress").is_none() => {
            Some(Section { rules, denies_the_rest })
        }
        // Calico's API server adds the types of the directions that have rules; for an object that was stored without
        // types, Felix binds both directions (`calc/policy_sorter.go`, `governsType`).
        None => {
            let why = "without types, it depends on Calico's version if the direction is bound".to_owned();
            rules.push(Rule {
                place: "types".to_owned(),
                action: Action::Deny,
                peers: Some(vec![PeerRule::Unread(why)]),
                ports: None,
            });
            Some(Section { rules, denies_the_rest: false })
        }
    }
}

fn rule(value: &Value, direction: Direction, place: &str, scope: &Scope<'_>) -> Rule {
    let action = match value["action"].as_str() {
        Some("Allow") => Ok(Action::Allow),
        Some("Deny") => Ok(Action::Deny),
        Some("Pass") => Ok(Action::Pass),
        Some("Log") => Ok(Action::Log),
        _ => Err(format!("the action {} is not known", value["action"])),
    };
    let criteria =
        object::only(value, FIELDS).and_then(|()| Ok((peers(value, direction, scope), ports::read(value)?)));
    let (action, criteria) = match (action, criteria) {
        (Ok(action), criteria) => (action, criteria),
        // No verdict holds beside a rule that may leave the decision to another tier.
        (Err(why), _) => (Action::Pass, Err(why)),
    };
    let (peers, ports) = criteria.unwrap_or_else(|why| (vec![PeerRule::Unread(why)], None));
    let peers = match peers.len() {
        0 => None,
        1 => Some(peers),
        _ => Some(vec![PeerRule::All(peers)]),
    };
    Rule { place: place.to_owned(), action, peers, ports }
}

/// Returns the criteria that the peer must meet, and those that the pod itself must meet.
fn peers(value: &Value, direction: Direction, scope: &Scope<'_>) -> Vec<PeerRule> {
    let (own, other) = match direction {
        Direction::Ingress => ("destination", "source"),
        Direction::Egress => ("source", "destination"),
    };
    let mut parts = entity::read(&value[other], scope);
    let block = |text| Block::parse(text).map(|block| PeerRule::Block { block, except: Vec::new() });
    parts.extend(match value["ipVersion"].as_u64() {
        Some(4) => block("0.0.0.0/0"),
        Some(6) => block("::/0"),
        _ => None,
    });
    let own = entity::read(&value[own], scope);
    parts.extend(own.into_iter().map(|part| PeerRule::Own(Box::new(part))));
    let source = &value["source"];
    let has = |field: &str| source[field].as_array().is_some_and(|ports| !ports.is_empty());
    if has("ports") || has("notPorts") {
        parts.push(PeerRule::Unread("ports of the source are not compared".to_owned()));
    }
    // Requests are not compared: an allowing rule may let each of them pass, a denying one drops some.
    if !value["http"].is_null() && value["action"] != "Allow" {
        parts.push(PeerRule::Unread("requests of HTTP are not compared".to_owned()));
    }
    parts
}
