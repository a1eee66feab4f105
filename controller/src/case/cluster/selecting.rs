//! What selects pods by label, and would take a probe with a workload's labels for one of the workload's pods.

use super::{Group, Selector};

/// Something that selects pods.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Selecting {
    /// What it is.
    pub kind: SelectingKind,
    /// Its name.
    pub name: String,
    /// The pods that it selects.
    pub selector: Selector,
    /// The workload whose pods it selects, as kind and name, where it names one and has no selector.
    pub target: Option<(String, String)>,
}

/// What selects pods.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SelectingKind {
    /// A Service that sends traffic to ready pods only.
    Service,
    /// A Service with `publishNotReadyAddresses`, which sends it to pods that are not ready as well.
    EagerService,
    /// A PodDisruptionBudget, which would count the probe.
    DisruptionBudget,
    /// A HorizontalPodAutoscaler, which would count it in its averages.
    Autoscaler,
}

impl Selecting {
    /// Whether it would take the probe of a group for one of the workload's pods.
    pub fn takes(&self, group: &Group) -> bool {
        match &self.target {
            Some((kind, name)) => group
                .pod_views
                .iter()
                .any(|pod_view| pod_view.origin.kind == *kind && pod_view.origin.name == *name),
            None => self.selector.selects(&group.labels),
        }
    }
}

impl SelectingKind {
    /// As people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service | Self::EagerService => "Service",
            Self::DisruptionBudget => "PodDisruptionBudget",
            Self::Autoscaler => "HorizontalPodAutoscaler",
        }
    }
}
