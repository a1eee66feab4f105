//! The record of a requirement, and the judgement of one. [`super::catalogue`] lists the requirements.
//!
//! A requirement is one file with one `const` record. Judges are pure: the same case gives the same finding.

use super::platforms::{Platform, PlatformRemedy};
use crate::case::{Case, Citation};

/// One thing that is required.
#[derive(Debug)]
pub struct Requirement {
    /// In kebab-case; the key in every report.
    pub id: &'static str,
    /// What holds when it is met, as a sentence.
    pub title: &'static str,
    /// What it is about.
    pub area: Area,
    /// How the environment changes its weight.
    pub class: Class,
    /// Where it is judged.
    pub scope: Scope,
    /// Whether production cannot do without it.
    pub mandatory: bool,
    /// Its share of the score.
    pub weight: u8,
    /// What could happen without it.
    pub protects: &'static str,
    /// What to do when it is not met.
    pub remedy: &'static str,
    /// What is looked at, and what each outcome means.
    pub explanation: Explanation,
    /// Where others require the same.
    pub mappings: &'static [&'static str],
    /// Judges a case.
    pub judge: fn(&Case) -> Judgement,
}

/// For whoever asks what a requirement means; a finding speaks of its own case.
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    /// Observers' ids, or who else says it: the machine, the bundle, the cluster, the control.
    pub looks_at: &'static [&'static str],
    /// What holds then.
    pub met: &'static str,
    /// What does not hold then.
    pub unmet: &'static str,
    /// What is not known then.
    pub inconclusive: &'static str,
    /// Remedies of platforms, beside the remedy for all of them.
    pub on_platforms: &'static [PlatformRemedy],
}

/// What a requirement is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Area {
    /// The kernel that answers.
    Runtime,
    /// What can be reached.
    Network,
    /// What can be read.
    Filesystem,
    /// What can be used up.
    Limits,
    /// What the process may do.
    Privilege,
    /// Whether the evidence can be relied on.
    Evidence,
}

/// How the environment changes what a requirement does to the verdict.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// Blocks everywhere.
    Regular,
    /// Warns in development and staging, blocks in production.
    Adaptive,
    /// Not judged in development, warns in staging, blocks in production.
    ProductionOnly,
    /// Shown in development, warns elsewhere.
    Advisory,
}

/// Where a requirement is judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// In every sandbox.
    Everywhere,
    /// Only in a cluster, which declares what it is about.
    Cluster,
}

/// What judging came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It holds, and was seen to hold.
    Met,
    /// It was seen not to hold.
    Unmet,
    /// It could not be decided; why.
    Inconclusive(String),
    /// It has no meaning here; why.
    NotApplicable(String),
}

/// An outcome with its reasons.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judgement {
    /// What it came to.
    pub outcome: Outcome,
    /// One sentence for this case.
    pub because: String,
    /// What it rests on.
    pub citations: Vec<Citation>,
    /// Something dresses up as gVisor that is not.
    pub disguise: bool,
}

// === impl Requirement ===

impl Requirement {
    /// Returns the remedies on these platforms, in their order.
    pub fn remedies_on<'a>(&'a self, platforms: &'a [Platform]) -> impl Iterator<Item = PlatformRemedy> + 'a {
        let of = |platform: &'a Platform| {
            self.explanation.on_platforms.iter().filter(move |(on, _)| on == platform).copied()
        };
        platforms.iter().flat_map(of)
    }
}

// === impl Area ===

impl Area {
    /// As it stands in reports.
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

// === impl Judgement ===

impl Judgement {
    /// It holds.
    pub fn met(because: impl Into<String>) -> Self {
        Self::new(Outcome::Met, because)
    }

    /// It does not hold.
    pub fn unmet(because: impl Into<String>) -> Self {
        Self::new(Outcome::Unmet, because)
    }

    /// It cannot be decided, for this reason.
    pub fn inconclusive(why: impl Into<String>) -> Self {
        let why = why.into();
        Self::new(Outcome::Inconclusive(why.clone()), why)
    }

    /// It has no meaning here, for this reason.
    pub fn not_applicable(why: impl Into<String>) -> Self {
        let why = why.into();
        Self::new(Outcome::NotApplicable(why.clone()), why)
    }

    fn new(outcome: Outcome, because: impl Into<String>) -> Self {
        Self { outcome, because: because.into(), citations: Vec::new(), disguise: false }
    }

    /// The same, resting on one observation more.
    #[must_use]
    pub fn citing(mut self, source: &'static str, text: impl Into<String>) -> Self {
        self.citations.push(Citation { source, text: text.into() });
        self
    }

    /// The same, resting on these observations too.
    #[must_use]
    pub fn citing_all(mut self, citations: impl IntoIterator<Item = Citation>) -> Self {
        self.citations.extend(citations);
        self
    }
}
