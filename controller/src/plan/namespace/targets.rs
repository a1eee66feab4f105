//! What a probe in a cluster attempts, and its control with it.

use std::net::{IpAddr, SocketAddr};

use proto::{Protocol, Target};

use crate::{
    case::{Destination, Purpose},
    cluster::Cluster,
    names::WITNESS_PORT,
};

const DNS_PORT: u16 = 53;
const API_SERVER_PORT: u16 = 443;
const KUBELET_PORT: u16 = 10_250;

/// The control's listener by TCP and UDP, the cluster's own services, and what the user named.
pub fn destinations(
    cluster: &Cluster,
    node: Option<&str>,
    witness: &[IpAddr],
    named: &[SocketAddr],
) -> Vec<Destination> {
    let addresses = cluster.addresses.clone().unwrap_or_default();
    let kubelet =
        node.and_then(|name| cluster.node(name)).map(|node| node.addresses.clone()).unwrap_or_default();
    let mut wanted = Vec::new();
    let mut want = |addresses: &[IpAddr], port, protocol, purpose| {
        wanted.extend(addresses.iter().map(|&address| (address, port, protocol, purpose)));
    };
    want(witness, WITNESS_PORT, Protocol::Tcp, Purpose::Witness);
    want(witness, WITNESS_PORT, Protocol::Udp, Purpose::Witness);
    want(&addresses.dns, DNS_PORT, Protocol::Dns, Purpose::ClusterDns);
    want(&addresses.dns, DNS_PORT, Protocol::Tcp, Purpose::ClusterDns);
    want(&addresses.api_server, API_SERVER_PORT, Protocol::Tcp, Purpose::ApiServer);
    want(&kubelet, KUBELET_PORT, Protocol::Tcp, Purpose::Kubelet);
    wanted.extend(named.iter().map(|named| (named.ip(), named.port(), Protocol::Tcp, Purpose::Requested)));
    let destination = |(id, (address, port, protocol, purpose))| Destination {
        target: Target { id, address, port, protocol },
        purpose,
    };
    (1..).zip(wanted).map(destination).collect()
}
