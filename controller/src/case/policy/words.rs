//! Peers and ports of rules in words.

use super::{
    block::Block,
    endpoint::{Endpoint, Transport},
    rule::{Namespaces, PeerRule, PortRange},
    selection::Selection,
};
use crate::case::cluster::{Requirement, Selector};

/// Returns the peers of a rule in words.
pub(super) fn peer(peer: &PeerRule) -> String {
    match peer {
        PeerRule::Block { block, except } => addresses(block, except),
        PeerRule::Outside { block, except } => format!("{} outside of the cluster", addresses(block, except)),
        PeerRule::Names(names) => names.join(", "),
        PeerRule::Nodes(selector) => format!("nodes with {selector}"),
        PeerRule::Entity(entity) => format!("entity {entity}"),
        PeerRule::Pods { namespaces, pods } => {
            let namespaces = match namespaces {
                Namespaces::Named(name) => format!("namespace {name}"),
                Namespaces::Labelled(selector) if *selector == Selector::default() => {
                    "any namespace".to_owned()
                }
                Namespaces::Labelled(selector) => format!("namespaces with {}", self::selector(selector)),
            };
            if pods.is_every() {
                format!("all pods in {namespaces}")
            } else {
                format!("pods with {} in {namespaces}", selection(pods))
            }
        }
        PeerRule::All(parts) => self::parts(parts, " and "),
        PeerRule::Any(parts) => self::parts(parts, " or "),
        PeerRule::Not(part) => format!("not ({})", self::peer(part)),
        PeerRule::Own(part) => format!("any, for {}", self::peer(part)),
        PeerRule::Unread(why) => why.clone(),
    }
}

fn addresses(block: &Block, except: &[Block]) -> String {
    let except: Vec<_> = except.iter().map(ToString::to_string).collect();
    if except.is_empty() { block.to_string() } else { format!("{block} except {}", except.join(", ")) }
}

fn parts(parts: &[PeerRule], join: &str) -> String {
    parts.iter().map(peer).collect::<Vec<_>>().join(join)
}

/// Returns ports in words. A named port gets its number if the destination is known.
pub(super) fn port(transport: Transport, range: &PortRange, destination: Option<&Endpoint>) -> String {
    match range {
        PortRange::Every => format!("any {transport} port"),
        PortRange::Numbers(first, last) if first == last => format!("{first}/{transport}"),
        PortRange::Numbers(first, last) => format!("{first}-{last}/{transport}"),
        PortRange::Named(name) => match destination.map(|pod| pod.port(name, transport)) {
            None => format!("{name}/{transport}"),
            Some(Some(number)) => format!("{name} ({number}/{transport})"),
            Some(None) => format!("{name}/{transport} (the pod has no such port)"),
        },
    }
}

fn selection(selection: &Selection) -> String {
    match selection {
        Selection::Labels(selector) => self::selector(selector),
        Selection::Identity(identity) => selector(&identity.without_sources()),
        Selection::Calico(expression) => expression.to_string(),
    }
}

/// Returns a selector as `kubectl --selector` writes it.
pub(super) fn selector(selector: &Selector) -> String {
    if *selector == Selector::default() {
        return "any labels".to_owned();
    }
    let equals = selector.equals.iter().map(|(key, value)| format!("{key}={value}"));
    equals.chain(selector.requirements.iter().map(requirement)).collect::<Vec<_>>().join(",")
}

fn requirement(Requirement { key, operator, values }: &Requirement) -> String {
    match operator.as_str() {
        "In" => format!("{key} in ({})", values.join(",")),
        "NotIn" => format!("{key} notin ({})", values.join(",")),
        "DoesNotExist" => format!("!{key}"),
        _ => key.clone(),
    }
}
