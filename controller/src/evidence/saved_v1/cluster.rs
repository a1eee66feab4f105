//! The declarations of a cluster about one namespace.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Serialize};

use super::{
    class::Class,
    form::{each, each_read, optional_read, read, read_each, read_optional, saved_struct},
    machine::Limits,
    node::Node,
    pod::{PodView, Volume},
    policy::{OtherPolicy, Policy},
    selector::{Labels, Selecting},
};
use crate::case::cluster;

/// The result of a read, or the reason why there is none.
pub(super) type Read<T> = Result<T, Unreadable>;

saved_struct! {
    /// A resource that could not be read.
    Unreadable for cluster::Unreadable {
        what: Access => Into::into,
        forbidden: bool,
        message: String,
    }
}

/// The request that failed, in words: a later reader needs no more.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Access(String);

saved_struct! {
    /// All declarations of the cluster.
    Cluster for cluster::Cluster {
        namespace: String,
        pod_security: Option<String>,
        version: Read<String> => read,
        #[serde(rename = "shapes")]
        pod_views: Vec<PodView> => each,
        #[serde(rename = "unread_shapes")]
        unread_pod_views: Vec<Unreadable> => each,
        classes: Read<Vec<Class>> => read_each,
        nodes: Read<Vec<Node>> => read_each,
        policies: Read<Vec<Policy>> => read_each,
        other_policies: Read<Vec<OtherPolicy>> => read_each,
        bonds: Bonds => Into::into,
        changed: Vec<String>,
        default_limits: Read<Option<Limits>> => read_optional,
        claims: Read<Vec<Volume>> => read_each,
        quotas: Read<Vec<String>> => read,
        selecting: Vec<Read<Vec<Selecting>>> => each_read,
        control: Option<Read<Vec<String>>> => optional_read,
        addresses: Read<Addresses> => read,
        #[serde(default)]
        neighbours: Vec<SocketAddr>,
    }
}

saved_struct! {
    /// The addresses of the services that every cluster has.
    Addresses for cluster::Addresses {
        dns: Vec<IpAddr>,
        api_server: Vec<IpAddr>,
    }
}

saved_struct! {
    /// The labels and the policies of the namespace before the probes ran.
    Bonds for cluster::Bonds {
        labels: Read<Labels> => read,
        policies: Read<BTreeMap<String, String>> => read,
    }
}

// === impl Access ===

impl From<cluster::Access> for Access {
    fn from(access: cluster::Access) -> Self {
        Self(access.to_string())
    }
}

impl From<Access> for cluster::Access {
    fn from(Access(words): Access) -> Self {
        Self::Recorded(words)
    }
}
