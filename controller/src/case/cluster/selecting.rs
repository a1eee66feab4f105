//! Objects that select pods by label, and would take a probe with a workload's labels for one of the workload's pods.

use std::net::IpAddr;

use super::{Group, Selector};
use crate::case::policy::PodPort;

/// An object that selects pods.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Selecting {
    /// The object's kind.
    pub kind: SelectingKind,
    /// The object's name.
    pub name: String,
    /// The selector of its pods.
    pub selector: Selector,
    /// The workload whose pods it selects, as kind and name; `None` if it has a selector instead.
    pub target: Option<(String, String)>,
    /// The addresses of a Service within the cluster; empty for another kind.
    pub addresses: Vec<IpAddr>,
    /// The ports of a Service.
    pub ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServicePort {
    /// The port at the Service's address.
    pub number: u16,
    /// The port of the pods; `None` if it is not known.
    pub target: Option<PodPort>,
}

/// The kind of an object that selects pods.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SelectingKind {
    /// A Service that sends traffic to ready pods only.
    Service,
    /// A Service with `publishNotReadyAddresses`, which also sends traffic to pods that are not ready.
    EagerService,
    /// A PodDisruptionBudget, which would count a probe.
    DisruptionBudget,
    /// A HorizontalPodAutoscaler, which would count a probe in its averages.
    Autoscaler,
}

impl Selecting {
    /// Returns true if it would take a group's probe for one of the workload's pods.
    pub fn takes(&self, group: &Group) -> bool {
        match &self.target {
            Some((kind, name)) => group
                .pod_views
                .iter()
                .any(|pod_view| pod_view.origin.kind == *kind && pod_view.origin.name == *name),
            None => self.selector.selects(&group.probes_labels()),
        }
    }
}

impl SelectingKind {
    /// Returns the kind, as manifests write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service | Self::EagerService => "Service",
            Self::DisruptionBudget => "PodDisruptionBudget",
            Self::Autoscaler => "HorizontalPodAutoscaler",
        }
    }
}
