//! The ports on which a probe listens in its sandbox, and the targets by which a control pod attempts them.

use std::{collections::BTreeSet, net::IpAddr, num::NonZeroU16, ops::RangeInclusive};

use proto::{Nonce, Protocol, Target, listener::Port};

use crate::{
    case::{cluster::Group, destination::Destination, ingress::Ingress},
    support::names::LISTENER_PORT,
};

/// The most declared ports on which a probe listens: one port that is reached is evidence enough.
const MOST: usize = 8;

/// The ports of probes in running pods, which share the pod's network with the probes of other runs. gVisor gives connections that
/// leave the ports from 16000 on (gVisor, `pkg/tcpip/ports/ports.go`).
const OF_VISITORS: RangeInclusive<u16> = 10_000..=14_999;

/// The ports on which the probe of a group listens.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reception {
    /// The ports: those that the group's containers declare by TCP, and one of the probe's own, which any kernel lets it bind.
    pub ports: Vec<Port>,
    /// Declared ports for which there is no room.
    pub left_out: Vec<u16>,
}

impl Reception {
    /// Returns the ports for a group. The token is that of the run.
    pub fn of(group: &Group, token: Nonce) -> Self {
        let containers = group.pod_views.iter().flat_map(|pod_view| &pod_view.containers);
        let declared: BTreeSet<u16> = containers.flat_map(|container| container.ports.clone()).collect();
        let own = if group.in_place.is_some() { visitors_port(&declared, token) } else { LISTENER_PORT };
        let mut declared: Vec<_> = declared.into_iter().filter(|&port| port != own).collect();
        let left_out = declared.split_off(declared.len().min(MOST));
        let ports = declared.into_iter().chain([own]);
        Self { ports: ports.filter_map(NonZeroU16::new).map(Port::Tcp).collect(), left_out }
    }

    /// Returns the attempts on the probe at its addresses. Their numbers follow those of the destinations.
    pub fn attempts(&self, addresses: &[IpAddr], token: Nonce, destinations: &[Destination]) -> Ingress {
        let last = destinations.iter().map(|it| it.target.id).max().unwrap_or(0);
        let places =
            addresses.iter().flat_map(|address| self.ports.iter().map(move |port| (*address, port.number())));
        let target = |(id, (address, port)): (u32, (IpAddr, NonZeroU16))| Target {
            token: Some(token),
            ..Target::at(id, address, port.get(), Protocol::Tcp)
        };
        Ingress { targets: (last + 1..).zip(places).map(target).collect(), left_out: self.left_out.clone() }
    }
}

/// Returns a port that differs between runs, and that the pod does not declare.
fn visitors_port(declared: &BTreeSet<u16>, Nonce([first, second, ..]): Nonce) -> u16 {
    let start = usize::from(u16::from_le_bytes([first, second])) % OF_VISITORS.len();
    let mut ports = OF_VISITORS.cycle().skip(start).take(OF_VISITORS.len());
    ports.find(|port| !declared.contains(port)).unwrap_or(LISTENER_PORT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    const TOKEN: Nonce = Nonce([7; 16]);

    fn group(ports: &[u16]) -> Group {
        let mut case = fixture::pod();
        fixture::pod_view(&mut case).containers[0].ports = ports.to_vec();
        fixture::in_cluster(&mut case).group.clone()
    }

    fn numbers(ports: &[Port]) -> Vec<u16> {
        ports.iter().map(|port| port.number().get()).collect()
    }

    #[test]
    fn declared_ports_come_before_one_of_our_own() {
        assert_eq!(numbers(&Reception::of(&group(&[9090, 80, 80]), TOKEN).ports), [80, 9090, LISTENER_PORT]);
        assert_eq!(numbers(&Reception::of(&group(&[]), TOKEN).ports), [LISTENER_PORT]);
    }

    #[test]
    fn probes_of_two_runs_in_one_pod_have_different_ports() {
        let visited = |ports: &[u16], token: u8| {
            let group = Group { in_place: Some("web-1".into()), ..group(ports) };
            numbers(&Reception::of(&group, Nonce([token; 16])).ports)
        };
        let [first, second] = [7, 8].map(|token| visited(&[], token));
        assert_ne!(first, second);
        assert!(
            [&first, &second].iter().all(|ports| OF_VISITORS.contains(&ports[0])),
            "{first:?} {second:?}"
        );
        assert_eq!(visited(&first, 7), [first[0], first[0] + 1]);
        assert_eq!(visited(&[LISTENER_PORT], 7), [LISTENER_PORT, first[0]]);
    }

    #[test]
    fn ports_beyond_the_most_are_left_out() {
        let ports: Vec<_> = (1..=10).collect();
        assert_eq!(Reception::of(&group(&ports), TOKEN).left_out, [9, 10]);
    }

    #[test]
    fn an_attempt_has_a_number_of_its_own_for_each_address() {
        let case = fixture::pod();
        let addresses = ["10.244.0.7".parse().unwrap(), "fd00::7".parse().unwrap()];
        let reception = Reception::of(&group(&[80]), TOKEN);
        let ingress = reception.attempts(&addresses, TOKEN, &case.surroundings.destinations);
        let ids: Vec<_> = ingress.targets.iter().map(|target| target.id).collect();
        assert_eq!(ids, [5, 6, 7, 8]);
        assert!(ingress.targets.iter().all(|target| target.token == Some(TOKEN)));
    }
}
