//! Pods and nodes as peers of a rule that names no peer, or that excludes some. A rule that denies every address of the outside
//! denies neither, so that an address of the outside does not show what becomes of them.

use std::{collections::BTreeSet, net::IpAddr};

use super::{ANY_PORT, Excesses, MOST_FLOWS, Tried, words_of};
use crate::case::{
    cluster::Labels,
    policy::{
        block::Block,
        cilium::Entity,
        endpoint::{Direction, Endpoint, Flow, Host, Node, Peer, PodPort, Transport},
        rule::{Action, Namespaces, PeerRule, Rule, within},
        selection::Selection,
        verdict::Verdict,
    },
};

/// The reason for which a named port towards addresses is not evaluated under Cilium.
const OF_ANY_POD: &str = "it is not known which numbers the named port has: some releases of Cilium give it those of any pod of the cluster, \
                          towards every address of the rule";

impl Tried<'_> {
    /// Compares the pods and the nodes of the cluster with the limit, at each part of the addresses that the limit does not
    /// permit.
    pub(super) fn cluster(&self, ports: &[(Transport, PodPort)], excesses: &mut Excesses) {
        let every_pod = PeerRule::Pods { namespaces: Namespaces::every(), pods: Selection::every() };
        let all = self.starts.iter().copied().chain([true, false].map(|is_v4| Block::every(is_v4).first()));
        let all: BTreeSet<_> = all.collect();
        for (transport, port) in ports {
            let transport = *transport;
            let mut limited = all
                .iter()
                .filter(|&&it| port.number().is_none_or(|number| !self.limit.permits(it, number, transport)));
            if limited
                .clone()
                .any(|&at| self.lets_pass(Peer::Pod(&stranger(at)), at, transport, port, excesses))
            {
                self.pods(&every_pod, &[(transport, port.clone())], excesses);
            }
            let node = |address| Host { address, node: Some(Node::Unknown), is_api_server: false };
            if port.number().is_some()
                && limited.any(|&at| self.lets_pass(Peer::Host(node(at)), at, transport, port, excesses))
            {
                let node = PeerRule::Entity(Entity::RemoteNode);
                self.unknown(&node, &[(transport, port.clone())], excesses);
            }
        }
    }

    /// Adds a gap for the pods and the nodes in a block that pass where a rule denies the outside's addresses alone. The API
    /// leaves open if a block applies to them.
    pub(super) fn cluster_in_a_block(
        &self,
        (block, except): (&Block, &[Block]),
        ports: &[(Transport, PodPort)],
        excesses: &mut Excesses,
    ) {
        if !self.policies.denies_by_rules() {
            return;
        }
        let addresses = self.addresses(block, except);
        if addresses.len() * ports.len() > MOST_FLOWS {
            return;
        }
        for address in addresses {
            for (transport, port) in ports {
                let transport = *transport;
                if port.number().is_none_or(|number| self.limit.permits(address, number, transport)) {
                    continue;
                }
                let stranger = stranger(address);
                let node = Host { address, node: Some(Node::Unknown), is_api_server: false };
                let mut peers = [Peer::Pod(&stranger), Peer::Host(node)].into_iter();
                if peers.any(|peer| self.lets_pass(peer, address, transport, port, excesses)) {
                    return self.gap(
                        format!(
                            "it is not known if the block applies to pods and nodes, to which {} passes",
                            words_of(port, transport)
                        ),
                        excesses,
                    );
                }
            }
        }
    }

    /// Adds a gap for named ports towards addresses. The API leaves open if a block applies to pods, and any pod may give the name to
    /// any number. Cilium takes the numbers of every pod of the cluster for the name, and gave them to each peer of the rule, addresses
    /// included, until github.com/cilium/cilium/pull/44429 (`GetNamedPort` in `pkg/endpoint/policy.go`).
    pub(super) fn named_ports_of_addresses(
        &self,
        peer: &PeerRule,
        ports: &[(Transport, PodPort)],
        excesses: &mut Excesses,
    ) {
        match peer {
            PeerRule::Block { block, except } => {
                let addresses = self.addresses(block, except);
                let why = "it is not known if the block applies to pods, which may name a port so";
                self.named_port(&addresses, why, ports, excesses);
            }
            PeerRule::Outside { block, except } => {
                self.named_port(&self.addresses(block, except), OF_ANY_POD, ports, excesses);
            }
            PeerRule::Entity(entity) if entity.may_be_outside() => {
                let every = [true, false].map(|is_v4| self.addresses(&Block::every(is_v4), &[]));
                self.named_port(&every.into_iter().flatten().collect(), OF_ANY_POD, ports, excesses);
            }
            PeerRule::Any(items) | PeerRule::All(items) => {
                for part in items {
                    self.named_ports_of_addresses(part, ports, excesses);
                }
            }
            _ => (),
        }
    }

    /// Adds a gap if a named port may lead to an address that the limit does not permit.
    fn named_port(
        &self,
        addresses: &BTreeSet<IpAddr>,
        why: &str,
        ports: &[(Transport, PodPort)],
        excesses: &mut Excesses,
    ) {
        let mut named = ports.iter().filter(|(_, port)| port.number().is_none());
        let is_open = |transport| addresses.iter().any(|&it| !self.limit.permits(it, ANY_PORT, transport));
        if named.any(|(transport, _)| is_open(*transport)) {
            self.gap(why.to_owned(), excesses);
        }
    }

    /// Returns true if traffic passes to a peer of the cluster that no policy names; adds a gap if that is not known.
    fn lets_pass(
        &self,
        peer: Peer<'_>,
        address: IpAddr,
        transport: Transport,
        port: &PodPort,
        excesses: &mut Excesses,
    ) -> bool {
        // Any pod may give the name of a port to any number.
        let Some(number) = port.number() else { return true };
        let flow = Flow { direction: Direction::Egress, peer, port: number, transport };
        for verdict in self.policies.verdicts_of_read(self.subject, &flow) {
            if let Verdict::Denied(by) = &verdict
                && self.denies_some_peers(address, by)
            {
                let (by, traffic) = (by.join(", "), words_of(port, transport));
                self.gap(format!("it is not known which peers {by} denies on {traffic}"), excesses);
            } else if self.counts(verdict, excesses).is_some() {
                return true;
            }
        }
        false
    }

    /// Returns true if a rule at one of these places may deny some pods or nodes at an address and not others.
    fn denies_some_peers(&self, address: IpAddr, places: &[String]) -> bool {
        let covers = |rule: &Rule| {
            rule.peers.as_ref().is_none_or(|peers| peers.iter().any(|peer| is_every(peer, address)))
        };
        let mut rules = self.policies.read.iter().flat_map(|policy| {
            let rules = policy.section(Direction::Egress).into_iter().flat_map(|section| &section.rules);
            rules.map(|rule| (super::place(policy, rule), rule))
        });
        rules.any(|(place, rule)| rule.action == Action::Deny && places.contains(&place) && !covers(rule))
    }
}

/// Returns a pod that no selector of labels selects.
fn stranger(address: IpAddr) -> Endpoint {
    Endpoint { namespace_labels: Some(Labels::new()), addresses: vec![address], ..Endpoint::default() }
}

/// Returns true if the peers are all pods and nodes with an address.
fn is_every(peer: &PeerRule, address: IpAddr) -> bool {
    match peer {
        PeerRule::Entity(entity) => entity.has_every_pod(),
        PeerRule::Block { block, except } => within(block, except, address),
        PeerRule::Any(parts) => parts.iter().any(|part| is_every(part, address)),
        PeerRule::All(parts) => parts.iter().all(|part| is_every(part, address)),
        PeerRule::Not(part) => is_none(part, address),
        _ => false,
    }
}

/// Returns true if the peers are no pod and no node with an address.
fn is_none(peer: &PeerRule, address: IpAddr) -> bool {
    match peer {
        PeerRule::Block { block, except } => !within(block, except, address),
        PeerRule::Any(parts) => parts.iter().all(|part| is_none(part, address)),
        PeerRule::All(parts) => parts.iter().any(|part| is_none(part, address)),
        PeerRule::Not(part) => is_every(part, address),
        _ => false,
    }
}
