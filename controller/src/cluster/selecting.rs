//! What selects pods by label, and would take a probe with a workload's labels for one of the workload's pods.

use serde::{Deserialize, Serialize};

use super::Selector;

/// Something that selects pods.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Selecting {
    /// What it is.
    pub kind: SelectingKind,
    /// Its name.
    pub name: String,
    /// The pods that it selects.
    pub selector: Selector,
}

/// What selects pods.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum SelectingKind {
    /// A Service that sends traffic to ready pods only.
    Service,
    /// A Service with `publishNotReadyAddresses`, which sends it to pods that are not ready as well.
    EagerService,
    /// A PodDisruptionBudget, which would count the probe.
    DisruptionBudget,
}

impl SelectingKind {
    /// As people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service | Self::EagerService => "Service",
            Self::DisruptionBudget => "PodDisruptionBudget",
        }
    }
}
