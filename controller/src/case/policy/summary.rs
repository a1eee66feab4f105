//! All that policies let pass to and from one endpoint.

use super::{
    Policies,
    endpoint::{Direction, Endpoint},
    matching::Match,
    rule::{Action, PeerRule, PortRule, Rule},
    verdict::Gap,
    words,
};

/// The traffic that policies let pass to and from an endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Summary {
    /// The traffic from the pod.
    pub egress: Side,
    /// The traffic to the pod.
    pub ingress: Side,
}

/// The traffic of one direction.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Side {
    /// The policies that deny what no rule names; if there is none, everything passes that no rule denies.
    pub bound_by: Vec<String>,
    /// The rules that let traffic pass, deny it or leave the decision to the next tier, in the order of the policies.
    pub passes: Vec<Pass>,
    /// The parts that cannot be evaluated.
    pub gaps: Vec<Gap>,
}

/// The traffic that one rule names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pass {
    /// The policy and the place of the rule.
    pub by: String,
    /// The rule's effect on the traffic.
    pub action: Action,
    /// The peers in words; empty for every peer.
    pub peers: Vec<String>,
    /// The ports in words; empty for every port.
    pub ports: Vec<String>,
}

impl Policies {
    /// Returns all that may enter or leave an endpoint.
    pub fn summary(&self, subject: &Endpoint) -> Summary {
        let side = |direction| self.side(subject, direction);
        Summary { egress: side(Direction::Egress), ingress: side(Direction::Ingress) }
    }

    fn side(&self, subject: &Endpoint, direction: Direction) -> Side {
        let mut side = Side {
            gaps: self.opaque_on(subject).map(|opaque| opaque.gap.clone()).collect(),
            ..Side::default()
        };
        if subject.in_the_nodes_network {
            side.gaps.push(Gap::of_the_nodes_network());
            return side;
        }
        for policy in &self.read {
            let Some(section) = policy.section(direction) else { continue };
            match policy.subject.selects(subject) {
                Match::No => (),
                Match::Unknown(why) => side.gaps.push(Gap { place: policy.title.clone(), why }),
                Match::Yes => {
                    if section.denies_the_rest && !side.bound_by.contains(&policy.title) {
                        side.bound_by.push(policy.title.clone());
                    }
                    for rule in section.rules.iter().filter_map(|rule| rule.of(subject)) {
                        side.add(&rule, &format!("{}, {}", policy.title, rule.place), subject, direction);
                    }
                }
            }
        }
        side
    }
}

impl Side {
    /// Returns true if nothing closes the direction, as far as the policies can be evaluated.
    pub fn is_open(&self) -> bool {
        let denies = self.passes.iter().any(|pass| pass.action == Action::Deny);
        self.bound_by.is_empty() && self.gaps.is_empty() && !denies
    }

    /// Adds a rule that binds the endpoint: its evaluated peers and ports as one pass, each other part as a gap.
    fn add(&mut self, rule: &Rule, by: &str, subject: &Endpoint, direction: Direction) {
        let mut gaps = Vec::new();
        let mut peers = Vec::new();
        for peer in rule.peers.iter().flatten() {
            match peer {
                PeerRule::Unread(why) => gaps.push(why.clone()),
                peer => {
                    gaps.extend(peer.gaps().into_iter().map(str::to_owned));
                    peers.push(words::peer(peer));
                }
            }
        }
        let mut ports = Vec::new();
        for port in rule.ports.iter().flatten() {
            match port {
                PortRule::Unread(why) => gaps.push(why.clone()),
                PortRule::Portless(protocol) => ports.push(protocol.clone()),
                PortRule::Ports(transport, range) => {
                    let destination = (direction == Direction::Ingress).then_some(subject);
                    ports.push(words::port(*transport, range, destination));
                }
            }
        }
        // A list whose every item is unread says nothing about what passes.
        let said = |items: Option<usize>, words: &[String]| items.is_none() || !words.is_empty();
        if said(rule.peers.as_ref().map(Vec::len), &peers) && said(rule.ports.as_ref().map(Vec::len), &ports)
        {
            self.passes.push(Pass { by: by.to_owned(), action: rule.action, peers, ports });
        }
        self.gaps.extend(gaps.into_iter().map(|why| Gap { place: by.to_owned(), why }));
    }
}
