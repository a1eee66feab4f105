//! Drivers and devices that the policy file accepts by name. An acceptance decides only what no table knows: a driver that is
//! known to hand out the node's files stays unmet.

use super::Policy;

/// A driver of volumes or a device that a named owner accepts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Acceptance {
    /// The kind of thing that is accepted.
    pub of: Accepted,
    /// The driver's name; for a device, the extended resource or the `DeviceClass`.
    pub name: String,
    /// The person or team that answers for it.
    pub owner: String,
    /// The reason why it is accepted.
    pub reason: String,
    /// The entry's line in the policy file, counted from 1.
    pub line: usize,
}

/// A kind of thing that a policy file accepts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Accepted {
    /// Volumes of a driver.
    Volumes,
    /// A device of the node.
    Device,
}

// === impl Acceptance ===

impl Acceptance {
    /// Returns the accepted thing, such as "volumes of the driver example.com".
    pub fn what(&self) -> String {
        match self.of {
            Accepted::Volumes => format!("volumes of the driver {}", self.name),
            Accepted::Device => format!("the device {}", self.name),
        }
    }

    /// Returns the acceptance with the one who answers for it, as a fragment.
    pub fn words(&self) -> String {
        let Self { owner, reason, line, .. } = self;
        format!("{} accepted by line {line} of the policy file ({owner}: {reason})", self.what())
    }
}

// === impl Policy ===

impl Policy {
    /// Returns the entry that accepts a driver or a device; `None` if the policy file has none.
    pub fn accepts(&self, of: Accepted, name: &str) -> Option<&Acceptance> {
        self.accepted.iter().find(|it| it.of == of && it.name == name)
    }
}
