//! A node and its pool.

mod kind;
mod pool;

use std::{fmt, net::IpAddr};

pub use kind::NodeKind;
pub(crate) use pool::{is_named, pool};

use super::Labels;
use crate::case::identity::Identity;

/// A node of the cluster.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Node {
    /// The node's name.
    pub name: String,
    /// The node's pool, from the user's or a provider's label.
    pub pool: String,
    /// The node's labels.
    pub labels: Labels,
    /// The node's taints.
    pub taints: Vec<Taint>,
    /// True if the node is not cordoned.
    pub schedulable: bool,
    /// True if its kubelet reports it as ready.
    pub ready: bool,
    /// The architecture, as Go names it: "amd64", "arm64".
    pub architecture: String,
    /// The kernel's boot id.
    pub boot_id: String,
    /// The operating system's name for itself.
    pub os_image: String,
    /// The kernel's release.
    pub kernel: String,
    /// The container runtime and its version.
    pub container_runtime: String,
    /// The memory in bytes; `None` if it is unknown.
    pub memory: Option<u64>,
    /// The runtime handlers of its container runtime; empty if the kubelet does not report them.
    pub handlers: Vec<String>,
    /// The node's own addresses.
    pub addresses: Vec<IpAddr>,
    /// Digests of the node's identifiers, as far as its kubelet reports them.
    pub identities: Vec<Identity>,
}

/// A taint, which repels pods that do not tolerate it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Taint {
    /// The taint's key.
    pub key: String,
    /// The taint's value, often empty.
    pub value: String,
    /// The effect: "NoSchedule", "PreferNoSchedule" or "NoExecute".
    pub effect: String,
}

impl fmt::Display for Taint {
    /// Writes the taint as kubectl does: `KEY=VALUE:EFFECT`, or `KEY:EFFECT` without a value.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, effect } = self;
        if value.is_empty() {
            write!(formatter, "{key}:{effect}")
        } else {
            write!(formatter, "{key}={value}:{effect}")
        }
    }
}
