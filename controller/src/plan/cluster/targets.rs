//! Destinations that a probe in a cluster attempts, and its control pod too.

use std::net::IpAddr;

use proto::{Nonce, Protocol, Target};

use crate::{
    case::{
        cluster::Cluster,
        destination::{Destination, Purpose},
    },
    plan::{Wanted, defaults, token_for_address, wanted::distinct},
    support::names::LISTENER_PORT,
};

const DNS_PORT: u16 = 53;
const API_SERVER_PORT: u16 = 443;
const KUBELET_PORT: u16 = 10_250;
/// The port of a node's SSH server (RFC 4253).
const SSH_PORT: u16 = 22;

/// Returns the destinations: the control pod's listener by TCP and UDP, other pods of the namespace, the cluster's own
/// services, hosts outside, and the user's targets. The listener answers with `token`, and recognises this probe's
/// one-way datagrams by `one_way`.
pub fn destinations(
    cluster: &Cluster,
    node: Option<&str>,
    listener: &[IpAddr],
    (token, one_way): (Nonce, Nonce),
    wanted: &Wanted,
) -> Vec<Destination> {
    let addresses = cluster.addresses.clone().unwrap_or_default();
    let node =
        node.and_then(|name| cluster.node(name)).map(|node| node.addresses.clone()).unwrap_or_default();
    let rows = [
        (listener, LISTENER_PORT, Protocol::Tcp, Purpose::Listener),
        (listener, LISTENER_PORT, Protocol::Udp, Purpose::Listener),
        (listener, LISTENER_PORT, Protocol::OneWay, Purpose::Listener),
        (&addresses.dns, DNS_PORT, Protocol::Dns, Purpose::ClusterDns),
        (&addresses.dns, DNS_PORT, Protocol::Tcp, Purpose::ClusterDns),
        (&addresses.api_server, API_SERVER_PORT, Protocol::Tcp, Purpose::ApiServer),
        (&node, KUBELET_PORT, Protocol::Tcp, Purpose::Kubelet),
        (&node, SSH_PORT, Protocol::Tcp, Purpose::Node),
        (&node, 0, Protocol::Echo, Purpose::Node),
    ];
    let of_cluster = rows.into_iter().flat_map(|(addresses, port, protocol, purpose)| {
        addresses.iter().enumerate().map(move |(index, &address)| {
            let target = defaults::asking(Target::at(0, address, port, protocol));
            let token = match (purpose, protocol) {
                (Purpose::Listener, Protocol::OneWay) => Some(token_for_address(one_way, index)),
                (Purpose::Listener, _) => Some(token),
                _ => None,
            };
            Destination { target: Target { token, ..target }, purpose, named: false }
        })
    });
    let neighbours = cluster.neighbours.iter().map(|neighbour| Destination {
        target: Target::at(0, neighbour.ip(), neighbour.port(), Protocol::Tcp),
        purpose: Purpose::Neighbour,
        named: false,
    });
    let outside = defaults::destinations().filter(|_| wanted.defaults);
    distinct(of_cluster.chain(neighbours).chain(outside).chain(wanted.named()))
}
