//! What somebody has accepted for a time, and answers for.

use crate::{case::Subject, judge::catalogue};

/// A requirement that need not be met, somewhere, for a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Waiver {
    /// Its id.
    pub requirement: &'static str,
    /// Where.
    pub scope: Scope,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day on which it is heeded, as YYYY-MM-DD.
    pub expires: String,
    /// Whether that day is over.
    pub expired: bool,
    /// Its line in the policy file.
    pub line: usize,
}

/// Where a waiver is heeded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scope {
    /// In every sandbox.
    Everywhere,
    /// In sandboxes of the machine that runs the controller.
    Local,
    /// For the pods of a namespace.
    Namespace(String),
    /// For the pods of a pool.
    Pool(String),
}

/// What becomes of a waiver.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It is heeded.
    InForce,
    /// Its last day is over, and that alone makes not ready.
    Expired,
    /// It is not heeded: production waives nothing that is mandatory.
    Refused,
}

// === impl Waiver ===

impl Waiver {
    /// Whether the requirement is one that production cannot do without.
    pub fn is_of_a_mandatory_requirement(&self) -> bool {
        catalogue::ALL.iter().any(|requirement| requirement.id == self.requirement && requirement.mandatory)
    }
}

// === impl Scope ===

impl Scope {
    /// Reads it as it stands in the file.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('/') {
            None if text == "everywhere" => Some(Self::Everywhere),
            None if text == "local" => Some(Self::Local),
            Some(("namespace", name)) if !name.is_empty() => Some(Self::Namespace(name.to_owned())),
            Some(("pool", name)) if !name.is_empty() => Some(Self::Pool(name.to_owned())),
            _ => None,
        }
    }

    /// As it stands in the file.
    pub fn title(&self) -> String {
        match self {
            Self::Everywhere => "everywhere".to_owned(),
            Self::Local => "local".to_owned(),
            Self::Namespace(name) => format!("namespace/{name}"),
            Self::Pool(name) => format!("pool/{name}"),
        }
    }

    /// Whether somebody is in it.
    pub fn covers(&self, subject: &Subject) -> bool {
        match (self, subject) {
            (Self::Everywhere, _) | (Self::Local, Subject::Sandbox { .. } | Subject::Unsandboxed) => true,
            (Self::Namespace(name), Subject::Pods { namespace, .. }) => name == namespace,
            (Self::Pool(name), Subject::Pods { pool, .. }) => name == pool,
            _ => false,
        }
    }
}
