//! The declarations of a cluster about one namespace.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Serialize};

use super::{
    class::Class,
    form::{each, each_read, optional, read, read_each, read_optional, saved_struct},
    machine::Limits,
    node::Node,
    peers::Peers,
    pod::PodView,
    policy::{ControlNamespace, Later, Policies},
    selector::{Labels, Selecting},
    storage::{CsiDriver, DeviceClaim, StorageClass, Volume},
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
        #[serde(flatten)]
        policies: Policies => Into::into,
        bonds: Bonds => Into::into,
        changed: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        later: Option<Later> => optional,
        default_limits: Read<Option<Limits>> => read_optional,
        claims: Read<Vec<Volume>> => read_each,
        #[serde(default = "not_kept")]
        storage_classes: Read<Vec<StorageClass>> => read_each,
        #[serde(default = "not_kept")]
        csi_drivers: Read<Vec<CsiDriver>> => read_each,
        #[serde(default = "not_kept")]
        device_claims: Read<Vec<DeviceClaim>> => read_each,
        quotas: Read<Vec<String>> => read,
        selecting: Vec<Read<Vec<Selecting>>> => each_read,
        #[serde(flatten)]
        control: Control => Into::into,
        addresses: Read<Addresses> => read,
        #[serde(default = "not_kept")]
        dns_endpoints: Read<Vec<SocketAddr>> => read,
        #[serde(default = "not_kept")]
        api_endpoints: Read<Vec<SocketAddr>> => read,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        peers: Vec<Peers> => each,
        #[serde(default)]
        neighbours: Vec<SocketAddr>,
    }
}

/// The control namespace, and the titles of its policies.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Control {
    control: Option<Read<Vec<String>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    control_namespace: Option<ControlNamespace>,
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

/// Stands in for a list that older files lack.
fn not_kept<T>() -> Read<Vec<T>> {
    Err(Unreadable {
        what: Access("read this list".to_owned()),
        forbidden: false,
        message: "the saved evidence does not keep it".to_owned(),
    })
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

// === impl Control ===

impl From<Option<cluster::ControlNamespace>> for Control {
    fn from(control: Option<cluster::ControlNamespace>) -> Self {
        let titles = control.as_ref().map(ControlNamespace::titles);
        let named = control.filter(|control| !control.name.is_empty());
        Self { control: titles, control_namespace: named.map(Into::into) }
    }
}

impl From<Control> for Option<cluster::ControlNamespace> {
    fn from(Control { control, control_namespace }: Control) -> Self {
        control_namespace.map(Into::into).or_else(|| control.map(ControlNamespace::titled))
    }
}
