//! Waivers: gaps that a named owner accepts for a time.

use crate::{case::Subject, judge::catalogue};

/// A requirement that need not be met, in a scope, for a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Waiver {
    /// The waived requirement's id.
    pub requirement: &'static str,
    /// The subjects for which the waiver holds.
    pub scope: Scope,
    /// The person or team that answers for the waiver.
    pub owner: String,
    /// The reason why the gap is accepted.
    pub reason: String,
    /// The last day on which the waiver holds, as YYYY-MM-DD.
    pub expires: String,
    /// True if that day is over.
    pub expired: bool,
    /// The waiver's line in the policy file, counted from 1.
    pub line: usize,
}

/// The subjects for which a waiver holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Every sandbox of every run.
    Everywhere,
    /// Sandboxes of the machine that runs the controller.
    Local,
    /// The pods of a namespace.
    Namespace(String),
    /// The pods of a node pool.
    Pool(String),
}

/// The standing of a waiver under a policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// The waiver holds.
    InForce,
    /// The last day is over; that alone makes the verdict *not ready*.
    Expired,
    /// The waiver does not hold: production waives no mandatory requirement.
    Refused,
}

// === impl Waiver ===

impl Waiver {
    /// True if production cannot do without the requirement.
    pub fn is_of_a_mandatory_requirement(&self) -> bool {
        catalogue::ALL.iter().any(|requirement| requirement.id == self.requirement && requirement.mandatory)
    }
}

// === impl Scope ===

impl Scope {
    /// Parses a scope as the file writes it.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('/') {
            None if text == "everywhere" => Some(Self::Everywhere),
            None if text == "local" => Some(Self::Local),
            Some(("namespace", name)) if !name.is_empty() => Some(Self::Namespace(name.to_owned())),
            Some(("pool", name)) if !name.is_empty() => Some(Self::Pool(name.to_owned())),
            _ => None,
        }
    }

    /// Returns the scope as the file writes it.
    pub fn title(&self) -> String {
        match self {
            Self::Everywhere => "everywhere".to_owned(),
            Self::Local => "local".to_owned(),
            Self::Namespace(name) => format!("namespace/{name}"),
            Self::Pool(name) => format!("pool/{name}"),
        }
    }

    /// True if the subject is in the scope.
    pub fn covers(&self, subject: &Subject) -> bool {
        match (self, subject) {
            (Self::Everywhere, _)
            | (Self::Local, Subject::Sandbox { .. } | Subject::Container { .. } | Subject::Unsandboxed) => {
                true
            }
            (Self::Namespace(name), Subject::Pods { namespace, .. }) => name == namespace,
            (Self::Pool(name), Subject::Pods { pool, .. }) => name == pool,
            _ => false,
        }
    }
}
