//! What the environment makes of a requirement.

use serde::Serialize;

use crate::{
    environment::Environment,
    requirement::{Class, Requirement},
};

/// What a class of requirements does to the verdict.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// Unmet makes not ready, inconclusive makes undetermined.
    Blocks,
    /// Unmet and inconclusive are warnings.
    Warns,
    /// It is judged and shown, and changes nothing.
    Shown,
    /// It is not judged.
    NotJudged,
}

/// How strictly to judge.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Where the workloads are meant to run.
    pub environment: Environment,
    /// `--only production`: the mandatory requirements, those of production and probe-integrity, enforced whatever the
    /// environment.
    pub only_production: bool,
}

impl Policy {
    /// What becomes of a requirement under this policy.
    pub fn enforcement(self, requirement: &Requirement) -> Enforcement {
        if self.only_production {
            let asked =
                requirement.mandatory || matches!(requirement.class, Class::Regular | Class::ProductionOnly);
            return if asked { Enforcement::Blocks } else { Enforcement::NotJudged };
        }
        #[expect(clippy::match_same_arms, reason = "an arm for each row of the README's table")]
        match (requirement.class, self.environment) {
            (Class::Regular, _) => Enforcement::Blocks,
            (Class::Adaptive | Class::ProductionOnly, Environment::Production) => Enforcement::Blocks,
            (Class::Adaptive, _) | (Class::ProductionOnly, Environment::Staging) => Enforcement::Warns,
            (Class::ProductionOnly, Environment::Development) => Enforcement::NotJudged,
            (Class::Advisory, Environment::Development) => Enforcement::Shown,
            (Class::Advisory, Environment::Staging | Environment::Production) => Enforcement::Warns,
        }
    }
}
