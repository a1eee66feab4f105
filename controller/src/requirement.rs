//! What is required of a sandbox: the record, the list, and the finding that judging it makes.
//!
//! A requirement is one file with one `const` record. Judges are pure: the same case gives the same finding.

mod filesystem_isolation;
mod least_privilege;
mod network_isolation;
mod probe_integrity;
mod resource_limits;
mod runtime_isolation;

use proto::Observation;
use serde::Serialize;

use crate::{
    case::Case,
    verdict::{Enforcement, Policy},
};

/// Every requirement, in the order of the report.
pub const ALL: &[&Requirement] = &[
    &runtime_isolation::REQUIREMENT,
    &network_isolation::REQUIREMENT,
    &filesystem_isolation::REQUIREMENT,
    &resource_limits::REQUIREMENT,
    &least_privilege::REQUIREMENT,
    &probe_integrity::REQUIREMENT,
];

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
    /// Whether production cannot do without it.
    pub mandatory: bool,
    /// Its share of the score.
    pub weight: u8,
    /// What could happen without it.
    pub protects: &'static str,
    /// What to do when it is not met.
    pub remedy: &'static str,
    /// Where others require the same.
    pub mappings: &'static [&'static str],
    /// Judges a case.
    pub judge: fn(&Case) -> Judgement,
}

/// What a requirement is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
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
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
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

/// One observation that a judgement rests on.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Citation {
    /// Who saw it: an observer's id, or "machine" or "bundle" for what was seen outside.
    pub source: &'static str,
    /// What was seen.
    pub text: String,
}

/// A judged requirement.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which.
    pub requirement: &'static Requirement,
    /// What it does to the verdict.
    pub enforcement: Enforcement,
    /// What it came to.
    pub outcome: Outcome,
    /// One sentence for this case.
    pub because: String,
    /// What it rests on.
    pub citations: Vec<Citation>,
    /// Something dresses up as gVisor that is not.
    pub disguise: bool,
}

/// Judges every requirement under a policy.
pub fn judge(case: &Case, policy: Policy) -> Vec<Finding> {
    let finding = |requirement: &&'static Requirement| {
        let enforcement = policy.enforcement(requirement);
        let judgement = match enforcement {
            Enforcement::NotJudged => Judgement::not_applicable("it is not judged here"),
            _ => (requirement.judge)(case),
        };
        Finding::new(requirement, enforcement, judgement)
    };
    ALL.iter().map(finding).collect()
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

// === impl Finding ===

impl Finding {
    pub(crate) fn new(
        requirement: &'static Requirement,
        enforcement: Enforcement,
        judgement: Judgement,
    ) -> Self {
        let Judgement { outcome, because, citations, disguise } = judgement;
        Self { requirement, enforcement, outcome, because, citations, disguise }
    }

    /// Whether it was seen not to hold.
    pub fn is_unmet(&self) -> bool {
        matches!(self.outcome, Outcome::Unmet)
    }

    /// Whether it could not be decided; a mandatory requirement is applicable everywhere.
    pub fn is_undecided(&self) -> bool {
        match self.outcome {
            Outcome::Inconclusive(_) => true,
            Outcome::NotApplicable(_) => self.requirement.mandatory,
            Outcome::Met | Outcome::Unmet => false,
        }
    }
}

/// Says how a look failed, for a judgement that wanted what it would have shown.
pub(crate) fn unseen<T>(observation: &Observation<T>) -> String {
    match observation {
        Observation::Seen(_) => "seen".to_owned(),
        Observation::Absent => "there is no such thing".to_owned(),
        Observation::Denied { errno } => format!("looking was denied (errno {errno})"),
        Observation::Failed { reason } => reason.clone(),
        Observation::TimedOut => "looking took too long".to_owned(),
        Observation::Crashed { signal } => format!("looking was ended by signal {signal}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kebab_case_and_stand_once() {
        let mut ids: Vec<_> = ALL.iter().map(|requirement| requirement.id).collect();
        assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '-')), "{ids:?}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ALL.len());
    }

    #[test]
    fn the_mandatory_requirements_are_the_four() {
        let mandatory: Vec<_> = ALL.iter().filter(|r| r.mandatory).map(|r| r.id).collect();
        assert_eq!(
            mandatory,
            ["runtime-isolation", "network-isolation", "filesystem-isolation", "resource-limits"]
        );
    }

    #[test]
    fn every_requirement_says_what_it_protects_from_and_what_to_do() {
        for requirement in ALL {
            assert!(!requirement.protects.is_empty() && !requirement.remedy.is_empty(), "{}", requirement.id);
            assert!(requirement.weight > 0, "{}", requirement.id);
        }
    }
}
