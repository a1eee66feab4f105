//! Addresses behind a Service's own address.

use std::net::{IpAddr, SocketAddr};

use proto::Protocol;

/// One port of a Service at one of its own addresses, and the addresses to which the cluster forwards the traffic. A policy
/// meets the traffic after that (kubernetes.io, "Network Policies"), and a network that translates addresses in the node's
/// sockets forwards nothing from a sandbox with a network stack of its own (github.com/cilium/cilium/issues/15626).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Forward {
    /// The Service's own address.
    pub address: IpAddr,
    /// The port of the Service.
    pub port: u16,
    /// The protocol of the port: TCP or UDP.
    pub protocol: Protocol,
    /// The addresses and ports of the programs behind.
    pub to: Vec<SocketAddr>,
}
