//! What a cluster declares of a namespace, without a client. What may not be read is a value, with the permission that is
//! missing; it is never an empty list.

mod access;
mod bonds;
mod class;
mod group;
pub(crate) mod node;
mod placement;
mod pod_view;
mod policy;
mod quantity;
mod selecting;
mod selector;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

pub use access::{Access, Verb};
pub use bonds::{Bonds, SecondReading};
pub use class::Class;
pub use group::{Coverage, Group};
pub use node::{Node, NodeKind, Taint};
pub use placement::{Affinity, Placement, Toleration};
pub use pod_view::{Container, ContainerKind, Origin, PodView, SeccompProfile, Volume};
pub use policy::{Direction, OtherPolicy, Policy};
pub use quantity::{bytes, millis};
pub use selecting::{Selecting, SelectingKind};
pub use selector::{Labels, Requirement, Selector};

/// What was read, or why it was not.
pub type Read<T> = Result<T, Unreadable>;

/// Something that could not be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreadable {
    /// The request that failed.
    pub what: Access,
    /// Whether a permission is missing; else the API server's words say why.
    pub forbidden: bool,
    /// What the API server said.
    pub message: String,
}

/// Everything that is declared.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The namespace that is judged.
    pub namespace: String,
    /// Its `pod-security.kubernetes.io/enforce` label.
    pub pod_security: Option<String>,
    /// The API server's version.
    pub version: Read<String>,
    /// Templates of workloads, and pods.
    pub pod_views: Vec<PodView>,
    /// Kinds of workloads that could not be read, and pods if they could not.
    pub unread_pod_views: Vec<Unreadable>,
    /// Every RuntimeClass.
    pub classes: Read<Vec<Class>>,
    /// Every node.
    pub nodes: Read<Vec<Node>>,
    /// The namespace's NetworkPolicies.
    pub policies: Read<Vec<Policy>>,
    /// Policies of other kinds that may bind the namespace.
    pub other_policies: Read<Vec<OtherPolicy>>,
    /// What binds the namespace's pods, to be compared with what does when the probes have been asked.
    pub bonds: Bonds,
    /// What of that was otherwise by then.
    pub changed: Vec<String>,
    /// The limits that a LimitRange gives to a container without its own.
    pub default_limits: Read<Option<crate::case::limits::Limits>>,
    /// The volumes behind the namespace's claims.
    pub claims: Read<Vec<Volume>>,
    /// ResourceQuotas, each with what is used up.
    pub quotas: Read<Vec<String>>,
    /// Services, budgets and autoscalers that select pods by label.
    pub selecting: Vec<Read<Vec<Selecting>>>,
    /// Policies by which the witness may be out of reach for reasons of its own; `None` without a control namespace.
    pub control: Option<Read<Vec<String>>>,
    /// Where the cluster's own services are.
    pub addresses: Read<Addresses>,
    /// Where pods of the namespace listen by TCP, a few of them.
    pub neighbours: Vec<SocketAddr>,
}

/// The addresses of services that every cluster has.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// DNS, from the Service that serves it; none where it has no label that is known.
    pub dns: Vec<IpAddr>,
    /// The API server, by its Service.
    pub api_server: Vec<IpAddr>,
}

// === impl Cluster ===

impl Cluster {
    /// Pods that exist.
    pub fn pods(&self) -> impl Iterator<Item = &PodView> {
        self.pod_views.iter().filter(|pod_view| !pod_view.origin.is_template())
    }

    /// The class of a name.
    pub fn class(&self, name: &str) -> Option<&Class> {
        self.classes.as_ref().ok()?.iter().find(|class| class.name == name)
    }

    /// The node of a name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.as_ref().ok()?.iter().find(|node| node.name == name)
    }

    /// The policies that select these labels.
    pub fn policies_on(&self, labels: &Labels) -> Vec<&Policy> {
        let policies = self.policies.as_ref().into_iter().flatten();
        policies.filter(|policy| policy.selector.selects(labels)).collect()
    }

    /// What makes a judgement of the network one of two states of it, if something does.
    pub fn unsettled(&self) -> Option<String> {
        (!self.changed.is_empty())
            .then(|| format!("it changed while it was looked at: {}", self.changed.join(", ")))
    }
}

// === impl Unreadable ===

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.forbidden {
            write!(formatter, "the permission to {} is missing", self.what)
        } else {
            write!(formatter, "to {} failed: {}", self.what, self.message)
        }
    }
}
