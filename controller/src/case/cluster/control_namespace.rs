//! The control namespace, as far as its policies may keep a probe from the listener.

use super::{Labels, Read};
use crate::{
    case::policy::{Direction, Endpoint, Flow, Peer, Policies, Transport, Verdict},
    support::names::{LISTENER_ROLE, ROLE_LABEL, RUN_LABEL},
};

pub use crate::support::names::LISTENER_PORT;

/// The namespace of the control pods, with the policies that bind them.
#[derive(Clone, Debug)]
pub struct ControlNamespace {
    /// The namespace's name.
    pub name: String,
    /// The namespace's labels, by which policies of the whole cluster select it.
    pub labels: Read<Labels>,
    /// The policies that may bind the listener.
    pub policies: Policies,
}

impl ControlNamespace {
    /// Returns the verdict of the policies on traffic from a probe to the listener.
    pub fn verdict(&self, probe: &Endpoint, transport: Transport) -> Verdict {
        let labels = [(RUN_LABEL, ""), (ROLE_LABEL, LISTENER_ROLE)];
        let listener = Endpoint {
            namespace: self.name.clone(),
            namespace_labels: self.labels.as_ref().ok().cloned(),
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            ..Endpoint::default()
        };
        let flow =
            Flow { direction: Direction::Ingress, peer: Peer::Pod(probe), port: LISTENER_PORT, transport };
        self.policies.verdict(&listener, &flow)
    }
}
