//! A judged requirement.

use super::{
    catalogue,
    policy::{Enforcement, Policy},
    requirement::{Judgement, Outcome, Requirement, Scope},
};
use crate::case::{Case, Citation};

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

/// A case and what judging it came to.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// What was looked at.
    pub case: &'a Case,
    /// One for each requirement in its scope.
    pub findings: Vec<Finding>,
}

/// Judges every requirement that the case is in the scope of, under a policy.
pub fn judge(case: &Case, policy: &Policy) -> Vec<Finding> {
    let finding = |requirement: &&'static Requirement| {
        let enforcement = policy.enforcement(requirement, &case.surroundings.subject);
        let judgement = match enforcement {
            Enforcement::NotJudged => Judgement::not_applicable("it is not judged here"),
            _ => (requirement.judge)(case),
        };
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
