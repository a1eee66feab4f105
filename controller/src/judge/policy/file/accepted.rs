//! Entries of the policy file for drivers and devices that are accepted by name.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Read, said};
use crate::judge::policy::accepted::{Acceptance, Accepted};

/// A driver whose volumes are accepted, although it is not known whose files they hold.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AcceptedVolumes {
    /// The driver's name, such as "csi.example.com".
    #[serde(deserialize_with = "said")]
    #[schemars(length(min = 1))]
    driver: String,
    /// The person or team that answers for it.
    #[serde(deserialize_with = "said")]
    #[schemars(length(min = 1))]
    owner: String,
    /// The reason why its volumes are accepted.
    #[serde(deserialize_with = "said")]
    #[schemars(length(min = 1))]
    reason: String,
}

/// A device of the node that workloads may have.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AcceptedDevice {
    /// The extended resource or the `DeviceClass`, such as "nvidia.com/gpu".
    #[serde(deserialize_with = "said")]
    #[schemars(length(min = 1))]
    resource: String,
    /// The person or team that answers for it.
    #[serde(deserialize_with = "said")]
    #[schemars(length(min = 1))]
    owner: String,
    /// The reason why the device is accepted.
    #[serde(deserialize_with = "said")]
    #[schemars(length(min = 1))]
    reason: String,
}

// === impl Read ===

impl Read {
    /// Returns the drivers and the devices that the file accepts.
    pub(super) fn accepted(&self) -> Vec<Acceptance> {
        let volumes = self.file.accepted_volumes.iter().map(|entry| {
            let AcceptedVolumes { driver, owner, reason } = entry.get_ref().clone();
            Acceptance { of: Accepted::Volumes, name: driver, owner, reason, line: self.line(entry) }
        });
        let devices = self.file.accepted_devices.iter().map(|entry| {
            let AcceptedDevice { resource, owner, reason } = entry.get_ref().clone();
            Acceptance { of: Accepted::Device, name: resource, owner, reason, line: self.line(entry) }
        });
        volumes.chain(devices).collect()
    }
}
