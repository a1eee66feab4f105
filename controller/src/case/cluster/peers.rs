//! Pods and Services of the namespaces that rules name as peers, to compare the rules with an allow-list of addresses.

use super::{Read, Selecting};
use crate::case::policy::Endpoint;

/// The pods and Services of one namespace.
#[derive(Clone, Debug)]
pub struct Peers {
    /// The namespace's name.
    pub namespace: String,
    /// The pods with their labels and addresses.
    pub pods: Read<Vec<Endpoint>>,
    /// The Services of the namespace.
    pub services: Read<Vec<Selecting>>,
}
