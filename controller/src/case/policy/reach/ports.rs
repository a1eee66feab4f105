//! The ports of a rule that is tried, and its protocols without ports.

use super::{Excess, Excesses, TRANSPORTS, Tried};
use crate::case::policy::{
    cilium::Entity,
    endpoint::{PodPort, Transport},
    rule::{PeerRule, PortRange, PortRule, Rule},
    words,
};

impl Tried<'_> {
    /// Returns the ports of a rule to try: one of each part.
    pub(super) fn ports(&self, rule: &Rule, excesses: &mut Excesses) -> Vec<(Transport, PodPort)> {
        let numbers = |first: u16, last: u16| {
            let edges: Vec<_> = self.edges.range(first..=last).copied().collect();
            edges.into_iter().chain([first]).map(PodPort::Number)
        };
        let Some(ports) = &rule.ports else {
            let every = TRANSPORTS.into_iter();
            return every.flat_map(|it| numbers(1, u16::MAX).map(move |port| (it, port))).collect();
        };
        let mut tried = Vec::new();
        for port in ports {
            match port {
                PortRule::Unread(why) => self.gap(why.clone(), excesses),
                PortRule::Portless(_) => (),
                PortRule::Ports(transport, PortRange::Every) => {
                    tried.extend(numbers(1, u16::MAX).map(|port| (*transport, port)));
                }
                PortRule::Ports(transport, PortRange::Numbers(first, last)) => {
                    tried.extend(numbers(*first, *last).map(|port| (*transport, port)));
                }
                PortRule::Ports(transport, PortRange::Named(name)) => {
                    tried.push((*transport, PodPort::Named(name.clone())));
                }
            }
        }
        tried
    }

    /// Compares a protocol without ports with the limit, which permits it where it permits every port of every protocol.
    pub(super) fn portless(&self, protocol: &str, peer: &PeerRule, excesses: &mut Excesses) {
        if let Some(why) = peer.gaps().first() {
            return self.gap((*why).to_owned(), excesses);
        }
        if !self.permits_every_port(peer) {
            let traffic = format!("{protocol} to {}", words::peer(peer));
            excesses.found.insert(Excess { by: self.by.clone(), traffic });
        }
    }

    /// Returns true if the limit permits every port of every protocol of the peers.
    fn permits_every_port(&self, peer: &PeerRule) -> bool {
        let permits = |address| TRANSPORTS.iter().all(|&it| self.limit.permits(address, 0, it));
        match peer {
            PeerRule::Block { block, except } | PeerRule::Outside { block, except } => {
                self.addresses(block, except).into_iter().all(permits)
            }
            PeerRule::Entity(entity) => *entity == Entity::None,
            PeerRule::Any(parts) => parts.iter().all(|part| self.permits_every_port(part)),
            PeerRule::All(parts) => parts.iter().any(|part| self.permits_every_port(part)),
            _ => false,
        }
    }
}
