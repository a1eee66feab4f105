//! Pods and Services that rules name as peers.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{
    cluster::Read,
    form::{each, read_each, saved_struct},
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

/// A pod, as far as rules select it.
#[derive(Deserialize, Serialize)]
pub(super) struct Endpoint {
    namespace: String,
    namespace_labels: Option<Labels>,
    labels: Labels,
    service_account: String,
    ports: Vec<NamedPort>,
    addresses: Vec<IpAddr>,
    in_the_nodes_network: bool,
}

/// A port that a container declares by name.
#[derive(Deserialize, Serialize)]
struct NamedPort {
    name: String,
    number: u16,
    transport: String,
}

impl From<policy::Endpoint> for Endpoint {
    fn from(endpoint: policy::Endpoint) -> Self {
        let policy::Endpoint {
            namespace,
            namespace_labels,
            labels,
            service_account,
            ports,
            addresses,
            in_the_nodes_network,
        } = endpoint;
        let ports = each(ports);
        Self { namespace, namespace_labels, labels, service_account, ports, addresses, in_the_nodes_network }
    }
}

impl From<Endpoint> for policy::Endpoint {
    fn from(endpoint: Endpoint) -> Self {
        let Endpoint {
            namespace,
            namespace_labels,
            labels,
            service_account,
            ports,
            addresses,
            in_the_nodes_network,
        } = endpoint;
        let ports = ports.into_iter().filter_map(NamedPort::restored).collect();
        Self { namespace, namespace_labels, labels, service_account, ports, addresses, in_the_nodes_network }
    }
}

impl NamedPort {
    fn restored(self) -> Option<policy::NamedPort> {
        let Self { name, number, transport } = self;
        let transport = policy::Transport::parse(&transport)?;
        Some(policy::NamedPort { name, number, transport })
    }
}

impl From<policy::NamedPort> for NamedPort {
    fn from(policy::NamedPort { name, number, transport }: policy::NamedPort) -> Self {
        Self { name, number, transport: transport.to_string() }
    }
}
