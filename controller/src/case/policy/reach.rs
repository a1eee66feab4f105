//! The egress that policies let pass, as far as it exceeds a limit.
//!
//! The edges of all blocks and of all port ranges cut the addresses and the ports into parts. Every rule and every limit treats
//! the addresses of one part alike, so that one flow into each part shows all that passes.

mod cluster;
mod left_open;
#[cfg(any(test, feature = "fuzzing"))]
mod nothing;
mod ports;

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    Policies,
    block::Block,
    endpoint::{Direction, Endpoint, Flow, Peer, PodPort, Transport},
    matching::Match,
    rule::{Action, PeerRule, Policy, PortRange, PortRule, Rule, within},
    verdict::{Gap, Verdict},
    words,
};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use nothing::Nothing;

/// The most flows that are tried for one rule.
const MOST_FLOWS: usize = 200_000;
/// The label of every namespace with its name (kubernetes.io, "Automatic labelling").
pub const NAME_LABEL: &str = "kubernetes.io/metadata.name";
/// A port that no policy names, for rules that let every port pass.
const ANY_PORT: u16 = 1;
const TRANSPORTS: [Transport; 3] = [Transport::Tcp, Transport::Udp, Transport::Sctp];

/// A limit for egress.
pub trait Limit {
    /// Returns the blocks whose edges matter to the limit.
    fn blocks(&self) -> Vec<Block>;
    /// Returns the ports that the limit names.
    fn ports(&self) -> Vec<u16>;
    /// Returns true if the limit permits no destination at all.
    fn is_none(&self) -> bool;
    /// Returns true if traffic to an address of the outside may pass.
    fn permits(&self, address: IpAddr, port: u16, transport: Transport) -> bool;
    /// Returns true if traffic to peers may pass of which the addresses are not known; `None` if their addresses decide.
    fn permits_unknown(&self, peer: &PeerRule, port: u16, transport: Transport) -> Option<bool>;
    /// Returns true if traffic to the pods of a rule may pass; `Err` says why that is not known.
    fn permits_pods(&self, pods: &PeerRule, port: &PodPort, transport: Transport) -> Result<bool, String>;
}

/// Egress that passes and exceeds the limit.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Excess {
    /// The policy and the place of the rule that lets the traffic pass.
    pub by: String,
    /// The traffic in words: the peer and the port.
    pub traffic: String,
}

/// All egress that exceeds the limit, and the parts that cannot be evaluated.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Excesses {
    /// The traffic that exceeds the limit, at most one entry for a rule.
    pub found: BTreeSet<Excess>,
    /// The parts that may let more traffic pass.
    pub gaps: BTreeSet<Gap>,
}

impl Policies {
    /// Returns the egress of an endpoint that exceeds a limit by the rules of policies. Traffic that passes because no policy
    /// binds it is no rule's.
    pub fn excess(&self, subject: &Endpoint, limit: &dyn Limit) -> Excesses {
        let mut excesses = Excesses::default();
        let (starts, ports) = self.parts(limit);
        let is_closed = !self.closing_by_all(subject, Direction::Egress).0.is_empty();
        let opening = self.opaque_on(subject).filter(|opaque| opaque.opens_egress);
        excesses.gaps.extend(opening.map(|opaque| opaque.gap.clone()));
        for policy in &self.read {
            let Some(section) = policy.section(Direction::Egress) else { continue };
            if policy.subject.selects(subject) == Match::No {
                continue;
            }
            for rule in section.rules.iter().filter_map(|rule| rule.of(subject)) {
                let by = place(policy, &rule);
                let counted = Counted::Allowed;
                let tried =
                    Tried { policies: self, subject, limit, starts: &starts, edges: &ports, by, counted };
                match rule.action {
                    Action::Allow => tried.rule(&rule, &mut excesses),
                    Action::Pass if !is_closed => {
                        let why =
                            "the rule leaves the decision to the next tier, and none after it closes egress";
                        tried.gap(why.to_owned(), &mut excesses);
                    }
                    Action::Pass | Action::Deny | Action::Log => (),
                }
            }
        }
        excesses
    }

    /// Returns the first rule that lets traffic to some pods, nodes or the API server pass on a port, as the policy and the
    /// rule's place.
    pub fn into_the_cluster(&self, subject: &Endpoint, port: u16, transport: Transport) -> Option<String> {
        let bound = self.read.iter().filter(|policy| policy.subject.selects(subject) != Match::No);
        let mut rules = bound.flat_map(|policy| {
            let rules = policy.section(Direction::Egress).into_iter().flat_map(|section| &section.rules);
            rules.map(move |rule| (policy, rule))
        });
        let leads = |rule: &Rule| {
            let into = |rule: &Rule| rule.peers.iter().flatten().any(PeerRule::may_be_in_the_cluster);
            rule.action == Action::Allow
                && rule.ports.as_ref().is_none_or(|ports| ports.iter().any(|it| it.may_be(port, transport)))
                && rule.of(subject).is_some_and(|rule| into(&rule))
        };
        rules.find(|(_, rule)| leads(rule)).map(|(policy, rule)| place(policy, rule))
    }

    /// Returns the namespaces that the rules for egress name as those of their peers.
    pub fn namespaces_of_peers(&self) -> BTreeSet<String> {
        let sections = self.read.iter().filter_map(|policy| policy.section(Direction::Egress));
        let peers = sections.flat_map(|section| &section.rules).flat_map(|rule| rule.peers.iter().flatten());
        peers.filter_map(PeerRule::namespace).map(str::to_owned).collect()
    }

    /// Returns true if a rule for egress denies traffic. Without such a rule no peer is denied that a block contains.
    fn denies_by_rules(&self) -> bool {
        let mut sections = self.read.iter().filter_map(|policy| policy.section(Direction::Egress));
        sections.any(|section| section.rules.iter().any(|rule| rule.action == Action::Deny))
    }

    /// Returns the first address of each part of the addresses, and the first port of each part of the ports.
    fn parts(&self, limit: &dyn Limit) -> (Vec<IpAddr>, BTreeSet<u16>) {
        let blocks = self.blocks().into_iter().chain(limit.blocks());
        let starts = blocks.flat_map(|edge| [Some(edge.first()), edge.next()]).flatten();
        (starts.collect(), self.edges(limit))
    }

    /// Returns every block of the rules for egress.
    fn blocks(&self) -> Vec<Block> {
        let sections = self.read.iter().filter_map(|policy| policy.section(Direction::Egress));
        let peers = sections.flat_map(|section| &section.rules).flat_map(|rule| rule.peers.iter().flatten());
        peers.flat_map(blocks).collect()
    }

    /// Returns the ports at which the rules for egress and the limit begin and end.
    fn edges(&self, limit: &dyn Limit) -> BTreeSet<u16> {
        let sections = self.read.iter().filter_map(|policy| policy.section(Direction::Egress));
        let ports = sections.flat_map(|section| &section.rules).flat_map(|rule| rule.ports.iter().flatten());
        let edges = ports.filter_map(|port| match port {
            PortRule::Ports(_, PortRange::Numbers(first, last)) => Some([Some(*first), last.checked_add(1)]),
            _ => None,
        });
        let of_limit = limit.ports().into_iter().map(|port| [Some(port), port.checked_add(1)]);
        edges.chain(of_limit).flatten().flatten().chain([ANY_PORT]).collect()
    }
}

fn place(policy: &Policy, rule: &Rule) -> String {
    format!("{}, {}", policy.title, rule.place)
}

fn words_of(port: &PodPort, transport: Transport) -> String {
    match port {
        PodPort::Number(number) => format!("{number}/{transport}"),
        PodPort::Named(name) => format!("the port named {name}"),
    }
}

fn block_in_words(block: &Block, except: &[Block]) -> String {
    if except.is_empty() && [true, false].map(Block::every).contains(block) {
        return "every address".to_owned();
    }
    words::peer(&PeerRule::Block { block: *block, except: except.to_vec() })
}

fn blocks(peer: &PeerRule) -> Vec<Block> {
    match peer {
        PeerRule::Block { block, except } | PeerRule::Outside { block, except } => {
            except.iter().chain([block]).copied().collect()
        }
        PeerRule::Any(parts) | PeerRule::All(parts) => parts.iter().flat_map(blocks).collect(),
        PeerRule::Not(part) | PeerRule::Own(part) => blocks(part),
        _ => Vec::new(),
    }
}

/// The traffic that counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Counted {
    /// The traffic that rules let pass. If nothing binds the endpoint by one implementation, that says nothing of the others.
    Allowed,
    /// The traffic that no policy closes.
    Open {
        /// True if the network is known to know the admins' kinds.
        knows_admins: bool,
    },
}

/// One rule that is tried against the limit.
struct Tried<'a> {
    policies: &'a Policies,
    subject: &'a Endpoint,
    limit: &'a dyn Limit,
    /// The first address of each part of the addresses.
    starts: &'a [IpAddr],
    /// The first port of each part of the ports.
    edges: &'a BTreeSet<u16>,
    by: String,
    counted: Counted,
}

impl Tried<'_> {
    fn rule(&self, rule: &Rule, excesses: &mut Excesses) {
        let ports = self.ports(rule, excesses);
        let every =
            [true, false].map(|is_v4| PeerRule::Block { block: Block::every(is_v4), except: Vec::new() });
        for peer in rule.peers.as_deref().unwrap_or(&every) {
            for port in rule.ports.iter().flatten() {
                if let PortRule::Portless(protocol) = port {
                    self.portless(protocol, peer, excesses);
                }
            }
            self.peer(peer, &ports, excesses);
        }
        for peer in rule.peers.iter().flatten() {
            self.named_ports_of_addresses(peer, &ports, excesses);
        }
        let names_all = |peers: &Vec<PeerRule>| peers.iter().all(|peer| !peer.is_every_but_some());
        if excesses.found.is_empty() && !rule.peers.as_ref().is_some_and(names_all) {
            self.cluster(&ports, excesses);
        }
    }

    fn peer(&self, peer: &PeerRule, ports: &[(Transport, PodPort)], excesses: &mut Excesses) {
        let every = |excesses: &mut Excesses| {
            for is_v4 in [true, false] {
                self.block(&Block::every(is_v4), &[], ports, excesses);
            }
        };
        match peer {
            PeerRule::Block { block, except } => {
                self.block(block, except, ports, excesses);
                self.cluster_in_a_block((block, except), ports, excesses);
            }
            PeerRule::Outside { block, except } => self.block(block, except, ports, excesses),
            PeerRule::Unread(why) => self.gap(why.clone(), excesses),
            PeerRule::Pods { .. } => self.pods(peer, ports, excesses),
            PeerRule::Names(_) | PeerRule::Nodes(_) => self.unknown(peer, ports, excesses),
            PeerRule::Entity(entity) => {
                if entity.may_be_outside() {
                    every(excesses);
                }
                if entity.has_every_pod() {
                    self.pods(peer, ports, excesses);
                } else if entity.may_be_in_the_cluster() {
                    self.unknown(peer, ports, excesses);
                }
            }
            PeerRule::Any(items) => items.iter().for_each(|item| self.peer(item, ports, excesses)),
            // A part for pods narrows the rule to pods; the other parts can only narrow it more.
            PeerRule::All(items) => match items.iter().find(|it| matches!(it, PeerRule::Pods { .. })) {
                Some(pods) => self.pods(pods, ports, excesses),
                None => items.iter().for_each(|item| self.peer(item, ports, excesses)),
            },
            PeerRule::Own(_) => every(excesses),
            PeerRule::Not(part) => {
                every(excesses);
                if part.may_be_in_the_cluster() {
                    self.unknown(peer, ports, excesses);
                }
            }
        }
    }

    /// Compares peers with the limit of which the addresses are not known.
    fn unknown(&self, peer: &PeerRule, ports: &[(Transport, PodPort)], excesses: &mut Excesses) {
        for (transport, port) in ports {
            let transport = *transport;
            match self.limit.permits_unknown(peer, port.number().unwrap_or(ANY_PORT), transport) {
                Some(true) => (),
                Some(false) => {
                    let traffic = format!("{} to {}", words_of(port, transport), words::peer(peer));
                    excesses.found.insert(Excess { by: self.by.clone(), traffic });
                    return;
                }
                None => self.gap(format!("the addresses of {} are not known", words::peer(peer)), excesses),
            }
        }
    }

    /// Returns the first address of each part that a block has without its exceptions.
    fn addresses(&self, block: &Block, except: &[Block]) -> BTreeSet<IpAddr> {
        let starts = self.starts.iter().copied().chain([block.first()]);
        starts.filter(|&address| within(block, except, address)).collect()
    }

    fn block(
        &self,
        block: &Block,
        except: &[Block],
        ports: &[(Transport, PodPort)],
        excesses: &mut Excesses,
    ) {
        let addresses = self.addresses(block, except);
        if addresses.len() * ports.len() > MOST_FLOWS {
            return self.gap("the policies name too many blocks to compare them".to_owned(), excesses);
        }
        for address in addresses {
            // A named port is a port of a pod (networking/v1, `NetworkPolicyPort.port`).
            for (transport, port) in ports {
                let (transport, Some(port)) = (*transport, port.number()) else { continue };
                if self.limit.permits(address, port, transport) {
                    continue;
                }
                let flow =
                    Flow { direction: Direction::Egress, peer: Peer::Address(address), port, transport };
                for verdict in self.policies.verdicts_of_read(self.subject, &flow) {
                    if let Some(by) = self.counts(verdict, excesses) {
                        let example =
                            if self.limit.is_none() { String::new() } else { format!(", such as {address}") };
                        let traffic =
                            format!("{port}/{transport} to {}{example}", block_in_words(block, except));
                        excesses.found.insert(Excess { by, traffic });
                        return;
                    }
                }
            }
        }
    }

    /// Returns what lets traffic with this verdict pass, if the traffic counts; adds a gap if that is not known.
    fn counts(&self, verdict: Verdict, excesses: &mut Excesses) -> Option<String> {
        match (verdict, self.counted) {
            (Verdict::Allowed(by), Counted::Allowed) => return Some(by),
            (Verdict::Open, Counted::Open { .. }) => return Some(self.by.clone()),
            (Verdict::NotEvaluated(gaps), _) => excesses.gaps.extend(gaps),
            (Verdict::DeniedIfKnown(by), Counted::Allowed | Counted::Open { knows_admins: false }) => {
                self.gap(format!("it is not known if the network knows {}", by.join(", ")), excesses);
            }
            (Verdict::Open | Verdict::Allowed(_) | Verdict::Denied(_) | Verdict::DeniedIfKnown(_), _) => (),
        }
        None
    }

    fn pods(&self, peer: &PeerRule, ports: &[(Transport, PodPort)], excesses: &mut Excesses) {
        for (transport, port) in ports {
            let transport = *transport;
            match self.limit.permits_pods(peer, port, transport) {
                Ok(true) => (),
                Ok(false) => {
                    let traffic = format!("{} to {}", words_of(port, transport), words::peer(peer));
                    excesses.found.insert(Excess { by: self.by.clone(), traffic });
                    return;
                }
                Err(why) => self.gap(why, excesses),
            }
        }
    }

    fn gap(&self, why: String, excesses: &mut Excesses) {
        excesses.gaps.insert(Gap { place: self.by.clone(), why });
    }
}
