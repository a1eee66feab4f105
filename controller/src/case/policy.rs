//! A model of network policies: the traffic that they let pass to and from an endpoint, and the rule that lets it pass.
//! The model knows no client. It reads objects as the API server returns them.

mod block;
pub mod endpoint;
pub mod kinds;
mod matching;
pub mod network_policy;
mod object;
pub mod rule;
mod summary;
mod verdict;
mod words;

pub use block::Block;
pub use endpoint::{Direction, Endpoint, Flow, NamedPort, Peer, Transport};
pub use rule::{Namespaces, PeerRule, Policy, PortRange, PortRule, Rule, Subject};
pub use summary::{Pass, Side, Summary};
pub use verdict::{Gap, Verdict};

use super::cluster::Origin;

/// The policies that may bind the pods of a namespace.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// Policies that the model evaluates.
    pub read: Vec<Policy>,
    /// Policies that the model cannot evaluate, and failed reads. Each of them may open or close anything.
    pub opaque: Vec<Gap>,
}

/// The workloads and the policies of a namespace.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The namespace's name.
    pub namespace: String,
    /// Pods and pod templates, each with its workload.
    pub endpoints: Vec<(Origin, Endpoint)>,
    /// The policies that may bind them.
    pub policies: Policies,
    /// Failed reads of workloads; empty if every kind of workload was read.
    pub unread: Vec<String>,
}

impl Reading {
    /// Returns true if the namespace has a workload or a pod with this kind and name.
    pub fn has(&self, asked: &(String, String)) -> bool {
        self.endpoints.iter().any(|(origin, _)| origin.is(asked))
    }
}
