//! The nodes of a cluster.

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    form::{each, saved_struct},
    machine::Identity,
    selector::Labels,
};
use crate::case::cluster;

saved_struct! {
    /// A node of the cluster.
    Node for cluster::Node {
        name: String,
        pool: String,
        labels: Labels,
        taints: Vec<Taint> => each,
        schedulable: bool,
        ready: bool,
        architecture: String,
        boot_id: String,
        os_image: String,
        kernel: String,
        container_runtime: String,
        memory: Option<u64>,
        handlers: Vec<String>,
        addresses: Vec<IpAddr>,
        #[serde(default)]
        identities: Vec<Identity> => each,
    }
}

saved_struct! {
    /// A taint of a node.
    Taint for cluster::Taint {
        key: String,
        value: String,
        effect: String,
    }
}

saved_struct! {
    /// The properties that nodes of one kind share.
    NodeKind for cluster::NodeKind {
        architecture: String,
        os_image: String,
        kernel: String,
        container_runtime: String,
        handlers: BTreeSet<String>,
        #[serde(default, skip_serializing_if = "Labels::is_empty")]
        labels: Labels,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        taints: Vec<Taint> => each,
    }
}
