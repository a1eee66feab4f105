//! The properties of a requirement that a finding repeats.

use schemars::JsonSchema;
use serde::Serialize;

use crate::judge::{policy, requirement};

/// The part of a sandbox that a requirement is about.
#[derive(Clone, Copy, Debug, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// The kernel that answers the sandbox.
    Runtime,
    /// The network that the sandbox reaches.
    Network,
    /// The files that the sandbox reads.
    Filesystem,
    /// The resources that the sandbox uses.
    Limits,
    /// The privileges of the process.
    Privilege,
    /// The reliability of the evidence.
    Evidence,
}

/// The effect of the environment on a requirement.
#[derive(Clone, Copy, Debug, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Blocks in every environment.
    Regular,
    /// Warns in development and staging, blocks in production.
    Adaptive,
    /// Is skipped in development, warns in staging, blocks in production.
    ProductionOnly,
    /// Is shown in development, warns elsewhere.
    Advisory,
}

/// The effect of a requirement on the verdict.
#[derive(Clone, Copy, Debug, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// Unmet gives *not ready*, inconclusive gives *undetermined*.
    Blocks,
    /// Unmet and inconclusive are warnings by a waiver; without the waiver they would block.
    Waived,
    /// Unmet and inconclusive are warnings.
    Warns,
    /// The requirement is judged and shown, and has no effect.
    Shown,
    /// The requirement is not judged.
    NotJudged,
}

// === impl Area ===

impl Area {
    /// Returns the area's name in reports.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Network => "network",
            Self::Filesystem => "filesystem",
            Self::Limits => "limits",
            Self::Privilege => "privilege",
            Self::Evidence => "evidence",
        }
    }
}

impl From<requirement::Area> for Area {
    fn from(area: requirement::Area) -> Self {
        match area {
            requirement::Area::Runtime => Self::Runtime,
            requirement::Area::Network => Self::Network,
            requirement::Area::Filesystem => Self::Filesystem,
            requirement::Area::Limits => Self::Limits,
            requirement::Area::Privilege => Self::Privilege,
            requirement::Area::Evidence => Self::Evidence,
        }
    }
}

// === impl Class ===

impl From<requirement::Class> for Class {
    fn from(class: requirement::Class) -> Self {
        match class {
            requirement::Class::Regular => Self::Regular,
            requirement::Class::Adaptive => Self::Adaptive,
            requirement::Class::ProductionOnly => Self::ProductionOnly,
            requirement::Class::Advisory => Self::Advisory,
        }
    }
}

// === impl Enforcement ===

impl Enforcement {
    /// Returns the effect's name for people.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Waived => "waived",
            Self::Warns => "warns",
            Self::Shown => "shown",
            Self::NotJudged => "not judged",
        }
    }
}

impl From<policy::Enforcement> for Enforcement {
    fn from(enforcement: policy::Enforcement) -> Self {
        match enforcement {
            policy::Enforcement::Blocks => Self::Blocks,
            policy::Enforcement::Waived => Self::Waived,
            policy::Enforcement::Warns => Self::Warns,
            policy::Enforcement::Shown => Self::Shown,
            policy::Enforcement::NotJudged => Self::NotJudged,
        }
    }
}
