//! A driver or a device that the policy file accepts.

use schemars::JsonSchema;
use serde::Serialize;

use crate::judge::policy::{Acceptance, accepted};

/// A driver or a device that the policy file accepts by name.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ReportedAcceptance {
    /// The kind of thing that is accepted.
    pub of: Accepted,
    /// The driver's name; for a device, the extended resource or the `DeviceClass`.
    pub name: String,
    /// The person or team that answers for it.
    pub owner: String,
    /// The reason why it is accepted.
    pub reason: String,
    /// The entry's line in the policy file.
    pub line: usize,
}

/// A kind of thing that a policy file accepts.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accepted {
    /// Volumes of a driver, although it is not known whose files they hold.
    Volumes,
    /// A device of the node.
    Device,
}

// === impl ReportedAcceptance ===

impl From<&Acceptance> for ReportedAcceptance {
    fn from(Acceptance { of, name, owner, reason, line }: &Acceptance) -> Self {
        Self {
            of: match of {
                accepted::Accepted::Volumes => Accepted::Volumes,
                accepted::Accepted::Device => Accepted::Device,
            },
            name: name.clone(),
            owner: owner.clone(),
            reason: reason.clone(),
            line: *line,
        }
    }
}
