//! The record of a requirement, and the judgement of a case by it. [`super::catalogue`] lists the requirements.
//!
//! A requirement is one file with one `const` record. Judges are pure: the same case gives the same finding.

use super::{
    gvisor::Assessment,
    network::{Comparison, Step, undecided::Undecided},
    platforms::{Platform, PlatformRemedy},
    policy::Policy,
};
use crate::case::{Case, Citation};

/// A requirement: its texts, its weight and its judge.
#[derive(Debug)]
pub struct Requirement {
    /// The id in kebab-case, which is the key in every report.
    pub id: &'static str,
    /// The sentence that is true when the requirement is met.
    pub title: &'static str,
    /// The subject of the requirement.
    pub area: Area,
    /// The rule by which the environment changes its effect on the verdict.
    pub class: Class,
    /// The sandboxes in which it is judged.
    pub scope: Scope,
    /// True if production cannot do without it.
    pub mandatory: bool,
    /// The share of the score, from 1.
    pub weight: u8,
    /// The harm that it prevents, as a sentence.
    pub protects: &'static str,
    /// The change that makes it met.
    pub remedy: &'static str,
    /// The sources that the judge reads, and the meaning of each outcome.
    pub explanation: Explanation,
    /// Ids of the same requirement in other catalogues.
    pub mappings: &'static [&'static str],
    /// The judge, a pure function of the case.
    pub judge: Judge,
}

/// A judge, by what it needs beside the case.
#[derive(Clone, Copy, Debug)]
pub enum Judge {
    /// A judge that needs the case alone.
    Case(fn(&Case) -> Judgement),
    /// A judge that needs the assessed kernel, which is assessed once for each case.
    Kernel(fn(&Case, &Assessment) -> Judgement),
    /// A judge that needs the policies beside the profile, which are compared at most once for each case.
    Network(fn(&Case, &Comparison<'_>) -> Judgement),
    /// A judge that needs the policy, because the policy says what the whole is.
    Policy(fn(&Case, &Policy) -> Judgement),
    /// A judge that needs both, because the policy accepts things by name.
    Both(fn(&Case, &Assessment, &Policy) -> Judgement),
}

/// The meaning of a requirement in general; a finding speaks of its own case.
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    /// Ids of observers and of the other sources: the machine, the bundle, the cluster, the control.
    pub looks_at: &'static [&'static str],
    /// The state in which it is met, as a fragment.
    pub met: &'static str,
    /// The state in which it is unmet, as a fragment.
    pub unmet: &'static str,
    /// The gap in the evidence that makes it inconclusive, as a fragment.
    pub inconclusive: &'static str,
    /// Remedies of platforms, beside the remedy for all of them.
    pub on_platforms: &'static [PlatformRemedy],
}

/// The subject of a requirement.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Area {
    /// The kernel that answers.
    Runtime,
    /// The destinations that can be reached.
    Network,
    /// The files that can be read.
    Filesystem,
    /// The resources that can be used up.
    Limits,
    /// The privileges of the process.
    Privilege,
    /// The reliability of the evidence itself.
    Evidence,
}

/// The rule by which the environment changes a requirement's effect on the verdict.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// Blocks in every environment.
    Regular,
    /// Warns in development and staging, blocks in production.
    Adaptive,
    /// Not judged in development, warns in staging, blocks in production.
    ProductionOnly,
    /// Shown in development, warns elsewhere.
    Advisory,
}

/// The sandboxes in which a requirement is judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// In every sandbox.
    Everywhere,
    /// Only in a cluster, whose declarations it is about.
    Cluster,
}

/// The outcome of judging one requirement for one sandbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The requirement was seen to hold.
    Met,
    /// The requirement was seen not to hold.
    Unmet,
    /// The evidence does not decide, for this reason.
    Inconclusive(String),
    /// The requirement has no meaning here, for this reason.
    NotApplicable(String),
}

/// An outcome with its reasons.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judgement {
    /// The outcome for this case.
    pub outcome: Outcome,
    /// The reason, in one sentence about this case.
    pub because: String,
    /// The observations that it rests on.
    pub citations: Vec<Citation>,
    /// True if another kernel is dressed up as gVisor.
    pub disguise: bool,
    /// True if the user's profile or policy file accepts all that the requirement lacks, so that the finding warns at most.
    pub accepted: bool,
    /// The step that changes an inconclusive finding of the network; `None` for every other finding.
    pub step: Option<Step>,
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
    /// Returns the id in reports.
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

// === impl Judge ===

impl Judge {
    /// Judges a case whose kernel is assessed.
    pub fn of(
        self,
        case: &Case,
        assessment: &Assessment,
        comparison: &Comparison<'_>,
        policy: &Policy,
    ) -> Judgement {
        match self {
            Self::Case(judge) => judge(case),
            Self::Kernel(judge) => judge(case, assessment),
            Self::Network(judge) => judge(case, comparison),
            Self::Policy(judge) => judge(case, policy),
            Self::Both(judge) => judge(case, assessment, policy),
        }
    }
}

// === impl Judgement ===

/// The most objects of the cluster that a finding cites. A run has the same finding for each of its sandboxes.
const CITED: usize = 20;

impl Judgement {
    /// Returns *met* with its reason.
    pub fn met(because: impl Into<String>) -> Self {
        Self::new(Outcome::Met, because)
    }

    /// Returns *unmet* with its reason.
    pub fn unmet(because: impl Into<String>) -> Self {
        Self::new(Outcome::Unmet, because)
    }

    /// Returns *inconclusive* with its reason.
    pub fn inconclusive(why: impl Into<String>) -> Self {
        let why = why.into();
        Self::new(Outcome::Inconclusive(why.clone()), why)
    }

    /// Returns *inconclusive* with its reason and the step that changes it.
    pub(super) fn undecided(undecided: Undecided) -> Self {
        let (why, step) = undecided.into_parts();
        Self { step: Some(step), ..Self::inconclusive(why) }
    }

    /// Returns *not applicable* with its reason.
    pub fn not_applicable(why: impl Into<String>) -> Self {
        let why = why.into();
        Self::new(Outcome::NotApplicable(why.clone()), why)
    }

    fn new(outcome: Outcome, because: impl Into<String>) -> Self {
        Self {
            outcome,
            because: because.into(),
            citations: Vec::new(),
            disguise: false,
            accepted: false,
            step: None,
        }
    }

    /// Marks what the requirement lacks as accepted by the user's profile or policy file.
    #[must_use]
    pub fn accepted(self) -> Self {
        Self { accepted: true, ..self }
    }

    /// Adds one observation that the judgement rests on.
    #[must_use]
    pub fn citing(mut self, source: &'static str, text: impl Into<String>) -> Self {
        self.citations.push(Citation { source, text: text.into() });
        self
    }

    /// Adds objects of the cluster that the judgement rests on: the first ones by name, and the number of the rest.
    #[must_use]
    pub fn citing_objects(self, texts: impl IntoIterator<Item = String>) -> Self {
        let mut texts = texts.into_iter();
        let judgement = texts.by_ref().take(CITED).fold(self, |it, text| it.citing("cluster", text));
        match texts.count() {
            0 => judgement,
            more => judgement.citing("cluster", format!("and {more} more")),
        }
    }

    /// Adds observations that the judgement rests on.
    #[must_use]
    pub fn citing_all(mut self, citations: impl IntoIterator<Item = Citation>) -> Self {
        self.citations.extend(citations);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cited(objects: usize) -> Vec<String> {
        let judgement = Judgement::unmet("because");
        let texts = (0..objects).map(|number| format!("pod/{number}"));
        judgement.citing_objects(texts).citations.into_iter().map(|citation| citation.text).collect()
    }

    #[test]
    fn a_few_objects_are_cited_by_name() {
        assert_eq!(cited(2), ["pod/0", "pod/1"]);
        assert_eq!(cited(CITED).len(), CITED);
    }

    #[test]
    fn objects_beyond_the_first_are_counted() {
        let cited = cited(10_000);
        assert_eq!(cited.len(), CITED + 1);
        assert_eq!(cited[CITED], "and 9980 more");
    }
}
