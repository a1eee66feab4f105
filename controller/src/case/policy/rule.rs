//! Policies as typed rules, and their comparison with traffic.

use super::{
    block::Block,
    cilium::{self, Entity},
    endpoint::{Direction, Endpoint, Flow, Host, Peer, Transport},
    matching::Match,
    order::{Family, Order, Tier},
    reach::NAME_LABEL,
    selection::Selection,
};
use crate::case::cluster::Selector;

/// A policy of an evaluated kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The policy's kind and name.
    pub title: String,
    /// The implementation that knows the kind.
    pub family: Family,
    /// The tier of the policy.
    pub tier: Tier,
    /// The policy's order within its tier.
    pub order: Order,
    /// The pods that the policy binds.
    pub subject: Subject,
    /// The rules for ingress; `None` if the policy does not bind ingress.
    pub ingress: Option<Section>,
    /// The rules for egress; `None` if the policy does not bind egress.
    pub egress: Option<Section>,
}

/// A policy's rules for one direction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Section {
    /// The rules in the order of the policy.
    pub rules: Vec<Rule>,
    /// True if traffic is denied that no rule of the policy's tier names.
    pub denies_the_rest: bool,
}

/// The pods that a policy binds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subject {
    /// The namespaces of the pods.
    pub namespaces: Namespaces,
    /// The selection of the pods; otherwise the reason why it cannot be evaluated.
    pub pods: Result<Selection, String>,
}

/// A rule's effect on traffic that matches.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Action {
    /// The traffic passes.
    Allow,
    /// The traffic is dropped.
    Deny,
    /// The next tier decides.
    Pass,
    /// The next rule decides; the traffic is logged.
    Log,
}

/// A rule for traffic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// The rule's place in the policy, such as `egress[0]`.
    pub place: String,
    /// The effect on traffic that matches.
    pub action: Action,
    /// The peers of the rule; `None` for every peer.
    pub peers: Option<Vec<PeerRule>>,
    /// The ports of the rule; `None` for every port of every protocol.
    pub ports: Option<Vec<PortRule>>,
}

/// Peers of a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PeerRule {
    /// The addresses of a block, without those of the exceptions.
    Block {
        /// The addresses that match.
        block: Block,
        /// Addresses of the block that do not match.
        except: Vec<Block>,
    },
    /// Pods in some namespaces.
    Pods {
        /// The namespaces of the pods.
        namespaces: Namespaces,
        /// The selection of the pods.
        pods: Selection,
    },
    /// The addresses of a block outside of the cluster, without those of the exceptions. Cilium knows pods and nodes by
    /// their identities, and compares addresses of the rest.
    Outside {
        /// The addresses that match.
        block: Block,
        /// Addresses of the block that do not match.
        except: Vec<Block>,
    },
    /// The addresses outside of the cluster to which these names resolve.
    Names(Vec<String>),
    /// The nodes that a selector of this text selects.
    Nodes(String),
    /// An entity of Cilium.
    Entity(Entity),
    /// The peers that match some part.
    Any(Vec<Self>),
    /// The peers that match every part.
    All(Vec<Self>),
    /// The peers that do not match the part.
    Not(Box<Self>),
    /// Every peer of a pod that itself matches the part.
    Own(Box<Self>),
    /// A peer that cannot be evaluated, for this reason.
    Unread(String),
}

/// Namespaces of a rule's peers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Namespaces {
    /// The namespace with this name.
    Named(String),
    /// The namespaces with these labels.
    Labelled(Selector),
}

/// Ports of a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PortRule {
    /// Ports of one protocol.
    Ports(Transport, PortRange),
    /// A protocol without ports, such as ICMP.
    Portless(String),
    /// A port that cannot be evaluated, for this reason.
    Unread(String),
}

/// Ports of one protocol.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PortRange {
    /// Every port of the protocol.
    Every,
    /// The ports from the first to the last number.
    Numbers(u16, u16),
    /// The port that the destination's pod declares by this name.
    Named(String),
}

impl Policy {
    /// Returns the rules for a direction; `None` if the policy does not bind it.
    pub const fn section(&self, direction: Direction) -> Option<&Section> {
        match direction {
            Direction::Ingress => self.ingress.as_ref(),
            Direction::Egress => self.egress.as_ref(),
        }
    }

    /// Returns the policy's place among policies of the same tier and order. Those with the same place decide by their names:
    /// each admin policy has its own (`AdminNetworkPolicySpec.priority`), and Calico's versions compare the names of its two
    /// kinds and of NetworkPolicies differently (felix, `calc/policy_sorter.go`).
    pub(super) fn rank(&self) -> (Family, bool, &str) {
        let named = matches!(self.subject.namespaces, Namespaces::Named(_));
        (self.family, named, if self.family.is_of_admins() { &self.title } else { "" })
    }
}

impl Section {
    /// Returns true if a rule leaves the decision to the next tier.
    pub(super) fn leaves_the_tier(&self) -> bool {
        self.rules.iter().any(|rule| rule.action == Action::Pass)
    }

    /// Returns true if traffic is denied that no rule lets pass: by the section itself, or by a rule for all traffic.
    pub fn closes(&self) -> bool {
        let all = |rule: &Rule| rule.action == Action::Deny && rule.peers.is_none() && rule.ports.is_none();
        self.denies_the_rest || self.rules.iter().any(all)
    }
}

impl Subject {
    pub(super) fn selects(&self, endpoint: &Endpoint) -> Match {
        self.namespaces.contain(endpoint).and(|| match &self.pods {
            Ok(pods) => pods.selects(endpoint),
            Err(why) => Match::Unknown(why.clone()),
        })
    }
}

impl Rule {
    pub(super) fn matches_peer(&self, subject: &Endpoint, peer: Peer<'_>) -> Match {
        match &self.peers {
            None => Match::Yes,
            Some(peers) => Match::any(peers.iter().map(|rule| rule.matches(subject, peer))),
        }
    }

    pub(super) fn matches(&self, subject: &Endpoint, flow: &Flow<'_>) -> Match {
        self.matches_peer(subject, flow.peer).and(|| match &self.ports {
            None => Match::Yes,
            Some(ports) => Match::any(ports.iter().map(|port| port.matches(subject, flow))),
        })
    }
}

impl PeerRule {
    /// Returns the reasons why parts of the peers cannot be evaluated.
    pub(super) fn gaps(&self) -> Vec<&str> {
        match self {
            Self::Unread(why) => vec![why],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::gaps).collect(),
            Self::Not(part) | Self::Own(part) => part.gaps(),
            _ => Vec::new(),
        }
    }

    /// Returns true if a pod, a node or the API server may match.
    pub(super) fn may_be_in_the_cluster(&self) -> bool {
        match self {
            Self::Block { .. } | Self::Outside { .. } | Self::Names(_) => false,
            Self::Entity(entity) => entity.may_be_in_the_cluster(),
            Self::Any(parts) | Self::All(parts) => parts.iter().any(Self::may_be_in_the_cluster),
            Self::Pods { .. } | Self::Nodes(_) | Self::Unread(_) | Self::Not(_) | Self::Own(_) => true,
        }
    }

    /// Returns true if every peer matches, or every peer but some, in the network of some pod.
    pub(super) fn is_every_but_some(&self) -> bool {
        match self {
            Self::Not(_) | Self::Own(_) => true,
            Self::Any(parts) => parts.iter().any(Self::is_every_but_some),
            Self::All(parts) => parts.iter().all(Self::is_every_but_some),
            _ => false,
        }
    }

    /// Returns true if the rule selects a pod; `None` if that cannot be evaluated.
    pub fn selects(&self, pod: &Endpoint) -> Option<bool> {
        match self.matches(&Endpoint::default(), Peer::Pod(pod)) {
            Match::Yes => Some(true),
            Match::No => Some(false),
            Match::Unknown(_) => None,
        }
    }

    /// Returns the namespace of the rule's pods; `None` if the rule names no single one.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Pods { namespaces: Namespaces::Named(name), .. } => Some(name),
            Self::Pods { namespaces: Namespaces::Labelled(labels), .. } => {
                labels.equals.get(NAME_LABEL).map(String::as_str)
            }
            _ => None,
        }
    }

    pub(super) fn matches(&self, subject: &Endpoint, peer: Peer<'_>) -> Match {
        match (self, peer) {
            (Self::Unread(why), _) => Match::Unknown(why.clone()),
            (Self::All(parts), _) => Match::all(parts.iter().map(|part| part.matches(subject, peer))),
            (Self::Not(part), _) => part.matches(subject, peer).not(),
            (Self::Own(part), _) => part.matches(subject, Peer::Pod(subject)),
            (Self::Any(parts), _) => Match::any(parts.iter().map(|part| part.matches(subject, peer))),
            (Self::Block { .. }, Peer::Pod(pod)) if pod.addresses.is_empty() => {
                Match::Unknown("the peer has no address yet".to_owned())
            }
            // The API leaves open if a block applies to pods. An implementation that compares addresses applies it.
            (Self::Block { block, except }, Peer::Pod(pod)) => {
                Match::any(pod.addresses.iter().map(|&address| within(block, except, address).into()))
            }
            (Self::Block { block, except }, Peer::Address(address) | Peer::Host(Host { address, .. })) => {
                within(block, except, address).into()
            }
            (Self::Pods { namespaces: Namespaces::Named(_), .. }, Peer::Address(_) | Peer::Host(_)) => {
                Match::No
            }
            (Self::Pods { pods, .. }, Peer::Address(_) | Peer::Host(_)) => {
                pods.selects_peers_without_labels()
            }
            (Self::Pods { namespaces, pods }, Peer::Pod(pod)) => {
                pods.selects(pod).and(|| namespaces.contain(pod)).and(|| pod.is_told_from_its_node())
            }
            (
                Self::Outside { block, except },
                Peer::Address(address) | Peer::Host(Host { address, node: None, .. }),
            ) => within(block, except, address).into(),
            (Self::Outside { .. }, Peer::Pod(pod)) if pod.addresses.is_empty() => {
                Match::Unknown("the peer has no address yet".to_owned())
            }
            (Self::Outside { block, except }, Peer::Pod(pod)) => {
                cilium::inside(pod.addresses.iter().any(|&address| within(block, except, address)))
            }
            (Self::Outside { block, except }, Peer::Host(Host { address, .. })) => {
                cilium::inside(within(block, except, address))
            }
            (Self::Names(names), Peer::Address(_) | Peer::Host(Host { node: None, .. })) => {
                Match::Unknown(format!("the addresses of {} are not known", names.join(", ")))
            }
            (Self::Nodes(selector), Peer::Host(Host { node: Some(_), .. })) => nodes(selector),
            (Self::Nodes(selector), Peer::Pod(pod)) if pod.in_the_nodes_network => nodes(selector),
            (Self::Names(_) | Self::Nodes(_), _) => Match::No,
            (Self::Entity(entity), peer) => entity.matches(peer),
        }
    }
}

fn nodes(selector: &str) -> Match {
    Match::Unknown(format!("the labels of the cluster's nodes are not compared with {selector}"))
}

/// Returns true if an address is in a block and in none of its exceptions.
pub(super) fn within(block: &Block, except: &[Block], address: std::net::IpAddr) -> bool {
    block.contains(address) && !except.iter().any(|except| except.contains(address))
}

impl Namespaces {
    /// Returns every namespace.
    pub(super) fn every() -> Self {
        Self::Labelled(Selector::default())
    }

    fn contain(&self, pod: &Endpoint) -> Match {
        match (self, &pod.namespace_labels) {
            (Self::Named(name), _) => (*name == pod.namespace).into(),
            (Self::Labelled(selector), Some(labels)) => selector.selects(labels).into(),
            (Self::Labelled(selector), None) if *selector == Selector::default() => Match::Yes,
            (Self::Labelled(_), None) => {
                Match::Unknown(format!("the labels of namespace {} could not be read", pod.namespace))
            }
        }
    }
}

impl PortRange {
    /// Returns the ports between two numbers. No API accepts a range that ends before it begins, so that nothing says what such
    /// a range means.
    pub(super) fn between(first: u16, last: u16) -> Result<Self, String> {
        if first <= last {
            Ok(Self::Numbers(first, last))
        } else {
            Err(format!("the range from {first} to {last} is empty"))
        }
    }
}

impl PortRule {
    /// Returns true if the rule matches a port of some pod.
    pub(super) fn may_be(&self, port: u16, of: Transport) -> bool {
        match self {
            Self::Unread(_) => true,
            Self::Portless(_) => false,
            Self::Ports(transport, PortRange::Numbers(first, last)) => {
                *transport == of && (*first..=*last).contains(&port)
            }
            Self::Ports(transport, PortRange::Every | PortRange::Named(_)) => *transport == of,
        }
    }

    fn matches(&self, subject: &Endpoint, flow: &Flow<'_>) -> Match {
        let (transport, range) = match self {
            Self::Unread(why) => return Match::Unknown(why.clone()),
            Self::Portless(_) => return Match::No,
            Self::Ports(transport, range) => (*transport, range),
        };
        Match::from(transport == flow.transport).and(|| match (range, flow.direction, flow.peer) {
            (PortRange::Every, ..) => Match::Yes,
            (PortRange::Numbers(first, last), ..) => (*first..=*last).contains(&flow.port).into(),
            (PortRange::Named(name), Direction::Ingress, _) => named(subject, name, flow),
            (PortRange::Named(name), Direction::Egress, Peer::Pod(pod)) => named(pod, name, flow),
            (PortRange::Named(_), Direction::Egress, Peer::Address(_) | Peer::Host(_)) => Match::No,
        })
    }
}

fn named(destination: &Endpoint, name: &str, flow: &Flow<'_>) -> Match {
    let mut ports = destination.ports.iter();
    ports.any(|port| port.name == name && port.number == flow.port && port.transport == flow.transport).into()
}
