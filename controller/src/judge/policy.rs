//! How strictly a run is judged: by its environment, and by what a policy file adds.

pub mod file;
pub mod waiver;

use std::collections::BTreeMap;

pub use waiver::{Standing, Waiver};

use super::requirement::{Class, Requirement};
use crate::case::{Subject, environment::Environment};

/// What a requirement does to the verdict.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Enforcement {
    /// Unmet makes not ready, inconclusive makes undetermined.
    Blocks,
    /// It would block, and a waiver makes unmet and inconclusive warnings.
    Waived,
    /// Unmet and inconclusive are warnings.
    Warns,
    /// It is judged and shown, and changes nothing.
    Shown,
    /// It is not judged.
    NotJudged,
}

/// How strictly to judge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Where the workloads are meant to run.
    pub environment: Environment,
    /// `--only production`: the mandatory requirements, those of production and probe-integrity, enforced whatever the
    /// environment.
    pub only_production: bool,
    /// The policy file, as seen from the repository that it is in; `None` where there is none.
    pub file: Option<String>,
    /// Weights other than the requirements' own, by their ids.
    pub weights: BTreeMap<&'static str, u8>,
    /// What is enforced more strictly than its class is, by the requirements' ids.
    pub raised: BTreeMap<&'static str, Enforcement>,
    /// What is accepted for a time.
    pub waivers: Vec<Waiver>,
}

// === impl Enforcement ===

impl Enforcement {
    /// As it stands in reports.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Waived => "waived",
            Self::Warns => "warns",
            Self::Shown => "shown",
            Self::NotJudged => "not judged",
        }
    }

    /// The more, the stricter.
    const fn strictness(self) -> u8 {
        match self {
            Self::NotJudged => 0,
            Self::Shown => 1,
            Self::Warns => 2,
            Self::Waived => 3,
            Self::Blocks => 4,
        }
    }
}

// === impl Policy ===

impl Policy {
    /// What an environment asks for, without a policy file.
    pub fn of(environment: Environment) -> Self {
        Self {
            environment,
            only_production: false,
            file: None,
            weights: BTreeMap::new(),
            raised: BTreeMap::new(),
            waivers: Vec::new(),
        }
    }

    /// What becomes of a requirement under this policy, if somebody is judged by it.
    pub fn enforcement(&self, requirement: &Requirement, subject: &Subject) -> Enforcement {
        let enforcement = self.unwaived(requirement);
        let waived = self.waivers.iter().any(|waiver| {
            waiver.requirement == requirement.id
                && self.standing(waiver) == Standing::InForce
                && waiver.scope.covers(subject)
        });
        if waived && enforcement == Enforcement::Blocks { Enforcement::Waived } else { enforcement }
    }

    /// A requirement's share of the score.
    pub fn weight(&self, requirement: &Requirement) -> u8 {
        self.weights.get(requirement.id).copied().unwrap_or(requirement.weight)
    }

    /// Whether a waiver is heeded here.
    pub fn standing(&self, waiver: &Waiver) -> Standing {
        let mandatory = waiver.is_of_a_mandatory_requirement();
        let production = self.environment == Environment::Production || self.only_production;
        match (waiver.expired, mandatory && production) {
            (true, _) => Standing::Expired,
            (false, true) => Standing::Refused,
            (false, false) => Standing::InForce,
        }
    }

    /// What becomes of a requirement, waivers left out.
    fn unwaived(&self, requirement: &Requirement) -> Enforcement {
        if self.only_production {
            let asked =
                requirement.mandatory || matches!(requirement.class, Class::Regular | Class::ProductionOnly);
            return if asked { Enforcement::Blocks } else { Enforcement::NotJudged };
        }
        let own = self.by_class(requirement.class);
        let raised = self.raised.get(requirement.id).copied();
        raised.filter(|raised| raised.strictness() > own.strictness()).unwrap_or(own)
    }

    /// What becomes of a class in this environment.
    pub fn by_class(&self, class: Class) -> Enforcement {
        #[expect(clippy::match_same_arms, reason = "an arm for each row of the README's table")]
        match (class, self.environment) {
            (Class::Regular, _) => Enforcement::Blocks,
            (Class::Adaptive | Class::ProductionOnly, Environment::Production) => Enforcement::Blocks,
            (Class::Adaptive, _) | (Class::ProductionOnly, Environment::Staging) => Enforcement::Warns,
            (Class::ProductionOnly, Environment::Development) => Enforcement::NotJudged,
            (Class::Advisory, Environment::Development) => Enforcement::Shown,
            (Class::Advisory, Environment::Staging | Environment::Production) => Enforcement::Warns,
        }
    }
}
