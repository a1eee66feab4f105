//! The strictness of a run's judgement, set by its environment and its policy file.

pub mod accepted;
pub mod file;
pub mod waiver;

use std::collections::BTreeMap;

pub use accepted::{Acceptance, Accepted};
pub use waiver::{Standing, Waiver};

use super::requirement::{Class, Requirement};
use crate::case::{Subject, environment::Environment};

/// The effect of a requirement on the verdict.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Enforcement {
    /// Unmet makes the verdict *not ready*, inconclusive makes it *undetermined*.
    Blocks,
    /// Unmet and inconclusive are warnings, because a waiver keeps the requirement from blocking.
    Waived,
    /// Unmet and inconclusive are warnings.
    Warns,
    /// The requirement is judged and shown, and does not change the verdict.
    Shown,
    /// The requirement is not judged.
    NotJudged,
}

/// The strictness of a judgement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// The environment in which the workloads are meant to run.
    pub environment: Environment,
    /// True for `--only production`: the mandatory requirements, those of production and probe-integrity are enforced in
    /// every environment; of the others, only those are judged whose severity the policy file raises.
    pub only_production: bool,
    /// True if a run for a part of the namespace is undetermined.
    pub require_whole: bool,
    /// The policy file's path within its repository; `None` without a policy file.
    pub file: Option<String>,
    /// Weights that replace the requirements' own, by requirement id.
    pub weights: BTreeMap<&'static str, u8>,
    /// Enforcements stricter than the class's, by requirement id.
    pub raised: BTreeMap<&'static str, Enforcement>,
    /// Kind and name of each workload or pod that others are meant to reach.
    pub ingress: Vec<(String, String)>,
    /// Requirements that need not be met for a time.
    pub waivers: Vec<Waiver>,
    /// Drivers and devices that are accepted by name.
    pub accepted: Vec<Acceptance>,
}

// === impl Enforcement ===

impl Enforcement {
    /// Returns the id in reports.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Waived => "waived",
            Self::Warns => "warns",
            Self::Shown => "shown",
            Self::NotJudged => "not judged",
        }
    }

    /// Returns a rank: the larger, the stricter.
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
    /// Returns the policy of an environment without a policy file.
    pub fn of(environment: Environment) -> Self {
        Self {
            environment,
            only_production: false,
            require_whole: false,
            file: None,
            weights: BTreeMap::new(),
            raised: BTreeMap::new(),
            ingress: Vec::new(),
            waivers: Vec::new(),
            accepted: Vec::new(),
        }
    }

    /// Returns the enforcement of a requirement for a subject, with waivers.
    pub fn enforcement(&self, requirement: &Requirement, subject: &Subject) -> Enforcement {
        let enforcement = self.unwaived(requirement);
        let waived = self.waivers.iter().any(|waiver| {
            waiver.requirement == requirement.id
                && self.standing(waiver) == Standing::InForce
                && waiver.scope.covers(subject)
        });
        if waived && enforcement == Enforcement::Blocks { Enforcement::Waived } else { enforcement }
    }

    /// Returns the enforcement of a requirement that lacks only what the user's profile or the policy file accepts by name. It
    /// warns at most, unless the policy file raises the requirement.
    pub fn of_accepted(&self, requirement: &Requirement, enforcement: Enforcement) -> Enforcement {
        let raised = self.raised.get(requirement.id) == Some(&Enforcement::Blocks);
        if enforcement == Enforcement::Blocks && !raised { Enforcement::Warns } else { enforcement }
    }

    /// Returns a requirement's share of the score.
    pub fn weight(&self, requirement: &Requirement) -> u8 {
        self.weights.get(requirement.id).copied().unwrap_or(requirement.weight)
    }

    /// Returns the standing of a waiver under this policy.
    pub fn standing(&self, waiver: &Waiver) -> Standing {
        let mandatory = waiver.is_of_a_mandatory_requirement();
        let production = self.environment == Environment::Production || self.only_production;
        match (waiver.expired, mandatory && production) {
            (true, _) => Standing::Expired,
            (false, true) => Standing::Refused,
            (false, false) => Standing::InForce,
        }
    }

    /// Returns the enforcement of a requirement without waivers.
    fn unwaived(&self, requirement: &Requirement) -> Enforcement {
        let (own, raised) = (self.own(requirement), self.raised.get(requirement.id).copied());
        raised.filter(|raised| raised.strictness() > own.strictness()).unwrap_or(own)
    }

    /// Returns the enforcement of a requirement without the policy file.
    fn own(&self, requirement: &Requirement) -> Enforcement {
        if !self.only_production {
            return self.by_class(requirement.class);
        }
        let asked =
            requirement.mandatory || matches!(requirement.class, Class::Regular | Class::ProductionOnly);
        if asked { Enforcement::Blocks } else { Enforcement::NotJudged }
    }

    /// Returns a requirement's enforcement where a severity of the policy file changes nothing; `None` where the severity has an
    /// effect. One that blocks always has: what the profile or the policy file accepts no longer weakens it.
    pub fn unmoved_by(&self, severity: Enforcement, requirement: &Requirement) -> Option<Enforcement> {
        let own = self.own(requirement);
        (severity != Enforcement::Blocks && severity.strictness() <= own.strictness()).then_some(own)
    }

    /// Returns the enforcement of a class in this environment.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::catalogue;

    #[test]
    fn a_gap_that_the_profile_allows_warns_unless_the_file_raises_it() {
        let requirement =
            catalogue::ALL.iter().find(|requirement| requirement.id == "dns-contained").unwrap();
        let mut policy = Policy::of(Environment::Production);
        assert_eq!(policy.of_accepted(requirement, Enforcement::Blocks), Enforcement::Warns);
        policy.raised.insert(requirement.id, Enforcement::Blocks);
        assert_eq!(policy.of_accepted(requirement, Enforcement::Blocks), Enforcement::Blocks);
    }

    #[test]
    fn a_severity_that_moves_nothing_is_known() {
        let requirement = catalogue::ALL.iter().find(|it| it.class == Class::Adaptive).unwrap();
        let [production, staging] = [Environment::Production, Environment::Staging].map(Policy::of);
        assert_eq!(production.unmoved_by(Enforcement::Warns, requirement), Some(Enforcement::Blocks));
        assert_eq!(staging.unmoved_by(Enforcement::Warns, requirement), Some(Enforcement::Warns));
        for policy in [production, staging] {
            assert_eq!(policy.unmoved_by(Enforcement::Blocks, requirement), None, "{policy:?}");
        }
    }
}
