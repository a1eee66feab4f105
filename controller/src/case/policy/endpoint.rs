//! The two ends of traffic, and the traffic between them.

use std::{fmt, net::IpAddr};

use super::matching::Match;
use crate::case::cluster::{Labels, Shared};

/// A pod, or a pod that a template will make, as far as policies select it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Endpoint {
    /// The pod's namespace.
    pub namespace: String,
    /// The labels of the pod's namespace; `None` if they could not be read.
    pub namespace_labels: Option<Labels>,
    /// The pod's own labels.
    pub labels: Shared<Labels>,
    /// The name of the pod's service account; empty if it is not known.
    pub service_account: String,
    /// The ports that the pod's containers declare by name.
    pub ports: Vec<NamedPort>,
    /// The pod's addresses; empty for a template.
    pub addresses: Vec<IpAddr>,
    /// True if the pod shares the node's network.
    pub in_the_nodes_network: bool,
}

/// A port that a container declares by name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamedPort {
    /// The port's name.
    pub name: String,
    /// The port's number.
    pub number: u16,
    /// The port's protocol.
    pub transport: Transport,
}

/// A port of pods, as rules and Services name it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PodPort {
    /// The port with this number.
    Number(u16),
    /// The port that each pod declares by this name.
    Named(String),
}

/// A protocol with port numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// The protocol TCP.
    Tcp,
    /// The protocol UDP.
    Udp,
    /// The protocol SCTP.
    Sctp,
}

/// The direction of traffic, seen from the pod that the policies bind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// Traffic to the pod.
    Ingress,
    /// Traffic from the pod.
    Egress,
}

/// The other end of a pod's traffic.
#[derive(Clone, Copy, Debug)]
pub enum Peer<'a> {
    /// Another pod, or the pod itself.
    Pod(&'a Endpoint),
    /// An address that belongs neither to a pod nor to a node nor to the API server.
    Address(IpAddr),
    /// A node of the cluster, or its API server.
    Host(Host),
}

/// A node of the cluster, or its API server. Pods in the node's network have the node's address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Host {
    /// The host's address.
    pub address: IpAddr,
    /// The node; `None` for an API server outside of the cluster.
    pub node: Option<Node>,
    /// True if the API server listens on the address.
    pub is_api_server: bool,
}

/// A node, seen from a pod.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Node {
    /// The node that runs the pod.
    OfThePod,
    /// Another node than that.
    Another,
    /// A node of which nothing tells if it runs the pod.
    Unknown,
}

/// Traffic of a pod with one peer on one port.
#[derive(Clone, Copy, Debug)]
pub struct Flow<'a> {
    /// The direction, seen from the pod.
    pub direction: Direction,
    /// The other end of the traffic.
    pub peer: Peer<'a>,
    /// The port at the destination.
    pub port: u16,
    /// The protocol of the port.
    pub transport: Transport,
}

impl Endpoint {
    /// A pod in its node's network has the node's addresses, so that selectors may not apply to it (kubernetes.io, "Network
    /// Policies", "hostNetwork Pods").
    pub(super) fn is_told_from_its_node(&self) -> Match {
        if !self.in_the_nodes_network {
            return Match::Yes;
        }
        Match::Unknown("the peer shares the network of its node".to_owned())
    }

    /// Returns the number of a named port; `None` if no container declares the name for the protocol.
    pub fn port(&self, name: &str, transport: Transport) -> Option<u16> {
        let declared = self.ports.iter().find(|port| port.name == name && port.transport == transport);
        declared.map(|port| port.number)
    }

    /// Returns the number of the pod's port; `None` for a name that no container declares for the protocol.
    pub fn number_of(&self, port: &PodPort, transport: Transport) -> Option<u16> {
        match port {
            PodPort::Number(number) => Some(*number),
            PodPort::Named(name) => self.port(name, transport),
        }
    }
}

impl PodPort {
    /// Returns the number; `None` for a name.
    pub const fn number(&self) -> Option<u16> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Named(_) => None,
        }
    }
}

impl fmt::Display for PodPort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Named(name) => formatter.write_str(name),
        }
    }
}

impl Transport {
    /// Parses a protocol as the API writes it. Returns `None` for a protocol without ports.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "TCP" => Some(Self::Tcp),
            "UDP" => Some(Self::Udp),
            "SCTP" => Some(Self::Sctp),
            _ => None,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        })
    }
}

impl Direction {
    /// Returns the field of a policy that lists the rules of this direction.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}
