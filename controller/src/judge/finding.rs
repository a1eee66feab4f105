//! A judged requirement.

use super::{
    catalogue, gvisor,
    network::Comparison,
    policy::{Enforcement, Policy},
    requirement::{Judgement, Outcome, Requirement, Scope},
};
use crate::case::{Case, Citation};

/// A judged requirement.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The judged requirement's record.
    pub requirement: &'static Requirement,
    /// The effect on the verdict.
    pub enforcement: Enforcement,
    /// The outcome for this case.
    pub outcome: Outcome,
    /// The reason, in one sentence about this case.
    pub because: String,
    /// The observations that it rests on.
    pub citations: Vec<Citation>,
    /// True if another kernel is dressed up as gVisor.
    pub disguise: bool,
    /// True if the user's profile or policy file accepts all that the requirement lacks.
    pub accepted: bool,
}

/// A case and its findings.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// The case that was judged.
    pub case: &'a Case,
    /// One finding for each requirement in whose scope the case is.
    pub findings: Vec<Finding>,
}

/// Judges a case by every requirement in whose scope it is, under a policy.
pub fn judge(case: &Case, policy: &Policy) -> Vec<Finding> {
    let assessment = gvisor::assess(case);
    let comparison = Comparison::of(case).under(policy);
    let finding = |requirement: &&'static Requirement| {
        let enforcement = policy.enforcement(requirement, &case.surroundings.subject);
        let judgement = match enforcement {
            Enforcement::NotJudged => Judgement::not_applicable("this policy does not judge it"),
            _ => requirement.judge.of(case, &assessment, &comparison, policy),
        };
        let enforcement =
            if judgement.accepted { policy.of_accepted(requirement, enforcement) } else { enforcement };
        Finding::new(requirement, enforcement, judgement)
    };
    let in_scope = |requirement: &&&'static Requirement| {
        requirement.scope == Scope::Everywhere || case.surroundings.in_cluster.is_some()
    };
    catalogue::ALL.iter().filter(in_scope).map(finding).collect()
}

impl<'a> Judged<'a> {
    /// Judges a case under a policy.
    pub fn of(case: &'a Case, policy: &Policy) -> Self {
        let findings = judge(case, policy);
        Self { case, findings }
    }
}

impl Finding {
    pub(crate) fn new(
        requirement: &'static Requirement,
        enforcement: Enforcement,
        judgement: Judgement,
    ) -> Self {
        let Judgement { outcome, because, citations, disguise, accepted, step: _ } = judgement;
        Self { requirement, enforcement, outcome, because, citations, disguise, accepted }
    }

    /// Returns the finding without its words, which weighs on the verdict as before.
    #[must_use]
    pub fn without_words(self) -> Self {
        let outcome = match self.outcome {
            Outcome::Inconclusive(_) => Outcome::Inconclusive(String::new()),
            Outcome::NotApplicable(_) => Outcome::NotApplicable(String::new()),
            decided @ (Outcome::Met | Outcome::Unmet) => decided,
        };
        Self { outcome, because: String::new(), citations: Vec::new(), ..self }
    }

    /// True if the requirement was seen not to hold.
    pub fn is_unmet(&self) -> bool {
        matches!(self.outcome, Outcome::Unmet)
    }

    /// True if the outcome is inconclusive. A mandatory requirement is applicable everywhere, so that *not applicable*
    /// counts as inconclusive there.
    pub fn is_undecided(&self) -> bool {
        match self.outcome {
            Outcome::Inconclusive(_) => true,
            Outcome::NotApplicable(_) => self.requirement.mandatory,
            Outcome::Met | Outcome::Unmet => false,
        }
    }
}
