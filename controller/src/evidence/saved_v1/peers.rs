//! Pods and Services that rules name as peers.

use std::net::IpAddr;

use super::{
    cluster::Read,
    form::{each, read_each, saved_enum, saved_struct},
    selector::{Labels, Selecting},
};
use crate::case::{cluster, policy};

saved_struct! {
    /// The pods and Services of one namespace.
    Peers for cluster::Peers {
        namespace: String,
        pods: Read<Vec<Endpoint>> => read_each,
        services: Read<Vec<Selecting>> => read_each,
    }
}

saved_struct! {
    /// A pod, as far as rules select it.
    Endpoint for policy::Endpoint {
        namespace: String,
        namespace_labels: Option<Labels>,
        labels: Labels => each,
        service_account: String,
        ports: Vec<NamedPort> => each,
        addresses: Vec<IpAddr>,
        in_the_nodes_network: bool,
    }
}

saved_struct! {
    /// A port that a container declares by name.
    NamedPort for policy::NamedPort {
        name: String,
        number: u16,
        transport: Transport => Into::into,
    }
}

saved_enum! {
    /// The protocol of a port.
    Transport for policy::Transport {
        Tcp, "TCP";
        Udp, "UDP";
        Sctp, "SCTP";
    }
}
