//! The rules of readiness.

use super::{
    finding::Finding,
    policy::{Enforcement, Policy, Standing},
    requirement::Outcome,
};

/// The answer to "may untrusted code run here?".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Every enforced requirement is met, and none warns.
    Ready,
    /// Every enforced requirement is met; at least one other warns.
    ReadyWithWarnings,
    /// At least one enforced requirement is unmet.
    NotReady,
    /// At least one enforced requirement is inconclusive, and none is unmet.
    Undetermined,
}

impl Verdict {
    /// Returns the verdict of a whole run. An expired waiver must be renewed or removed before a run can be ready.
    pub fn under(policy: &Policy, findings: &[Finding]) -> Self {
        if policy.waivers.iter().any(|waiver| policy.standing(waiver) == Standing::Expired) {
            return Self::NotReady;
        }
        Self::of(findings)
    }

    /// Returns the verdict of findings. Unmet beats inconclusive; without an enforced requirement the verdict is
    /// *undetermined*.
    pub fn of(findings: &[Finding]) -> Self {
        let any = |enforcement: Enforcement, wanted: fn(&Finding) -> bool| {
            findings.iter().any(|finding| finding.enforcement == enforcement && wanted(finding))
        };
        if any(Enforcement::Blocks, Finding::is_unmet) {
            Self::NotReady
        } else if any(Enforcement::Blocks, Finding::is_undecided) || !any(Enforcement::Blocks, |_| true) {
            Self::Undetermined
        } else if [Enforcement::Waived, Enforcement::Warns]
            .into_iter()
            .any(|lenient| any(lenient, |finding| finding.is_unmet() || finding.is_undecided()))
        {
            Self::ReadyWithWarnings
        } else {
            Self::Ready
        }
    }
}

impl Verdict {
    /// Returns the words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::ReadyWithWarnings => "ready, with warnings",
            Self::NotReady => "not ready",
            Self::Undetermined => "undetermined",
        }
    }

    /// Returns a rank: the smaller, the worse. *Not ready* is worse than *undetermined*.
    pub const fn badness(self) -> u8 {
        match self {
            Self::NotReady => 0,
            Self::Undetermined => 1,
            Self::ReadyWithWarnings => 2,
            Self::Ready => 3,
        }
    }
}

/// Returns the score from 0 to 100: the weight of the met requirements in the weight of all that were judged. The score
/// informs, and decides nothing.
pub fn score(findings: &[Finding], policy: &Policy) -> u32 {
    let judged = findings.iter().filter(|finding| {
        finding.enforcement != Enforcement::NotJudged && !matches!(finding.outcome, Outcome::NotApplicable(_))
    });
    let (met, all) = judged.fold((0, 0), |(met, all), finding| {
        let weight = u32::from(policy.weight(finding.requirement));
        (met + if matches!(finding.outcome, Outcome::Met) { weight } else { 0 }, all + weight)
    });
    (met * 100).checked_div(all).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::{Case, environment::Environment},
        fixture,
        judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope},
    };

    fn requirement(class: Class, mandatory: bool) -> &'static Requirement {
        fn judge(_: &Case) -> Judgement {
            panic!("the verdict needs no judge")
        }
        Box::leak(Box::new(Requirement {
            id: "test",
            title: "",
            area: Area::Runtime,
            class,
            scope: Scope::Everywhere,
            mandatory,
            weight: 10,
            protects: "",
            remedy: "",
            explanation: Explanation {
                looks_at: &[],
                met: "",
                unmet: "",
                inconclusive: "",
                on_platforms: &[],
            },
            mappings: &[],
            judge: Judge::Case(judge),
        }))
    }

    fn findings(policy: &Policy, judged: &[(Class, bool, Outcome)]) -> Vec<Finding> {
        let finding = |(class, mandatory, outcome): &(Class, bool, Outcome)| {
            let requirement = requirement(*class, *mandatory);
            let judgement = Judgement { outcome: outcome.clone(), ..Judgement::met("") };
            let subject = fixture::gvisor().surroundings.subject;
            Finding::new(requirement, policy.enforcement(requirement, &subject), judgement)
        };
        judged.iter().map(finding).collect()
    }

    fn verdict(policy: &Policy, judged: &[(Class, bool, Outcome)]) -> Verdict {
        Verdict::of(&findings(policy, judged))
    }

    fn inconclusive() -> Outcome {
        Outcome::Inconclusive(String::new())
    }

    #[test]
    fn each_class_acts_in_each_environment_as_the_table_says() {
        use Environment::{Development, Production, Staging};
        use Verdict::{NotReady, Ready, ReadyWithWarnings, Undetermined};
        let integrity = (Class::Regular, false, Outcome::Met);
        for (class, environment, unmet, undecided) in [
            (Class::Regular, Development, NotReady, Undetermined),
            (Class::Regular, Production, NotReady, Undetermined),
            (Class::Adaptive, Development, ReadyWithWarnings, ReadyWithWarnings),
            (Class::Adaptive, Staging, ReadyWithWarnings, ReadyWithWarnings),
            (Class::Adaptive, Production, NotReady, Undetermined),
            (Class::ProductionOnly, Development, Ready, Ready),
            (Class::ProductionOnly, Staging, ReadyWithWarnings, ReadyWithWarnings),
            (Class::ProductionOnly, Production, NotReady, Undetermined),
            (Class::Advisory, Development, Ready, Ready),
            (Class::Advisory, Staging, ReadyWithWarnings, ReadyWithWarnings),
            (Class::Advisory, Production, ReadyWithWarnings, ReadyWithWarnings),
        ] {
            let policy = Policy::of(environment);
            let with = |outcome| verdict(&policy, &[integrity.clone(), (class, false, outcome)]);
            assert_eq!(with(Outcome::Unmet), unmet, "{class:?} {environment}");
            assert_eq!(with(inconclusive()), undecided, "{class:?} {environment}");
            assert_eq!(with(Outcome::Met), Ready, "{class:?} {environment}");
        }
    }

    #[test]
    fn only_production_enforces_the_mandatory_requirements_in_every_environment() {
        let policy = Policy { only_production: true, ..Policy::of(Environment::Development) };
        let met = (Class::Regular, false, Outcome::Met);
        assert_eq!(
            verdict(&policy, &[met.clone(), (Class::Adaptive, true, Outcome::Unmet)]),
            Verdict::NotReady
        );
        assert_eq!(
            verdict(&policy, &[met.clone(), (Class::ProductionOnly, false, inconclusive())]),
            Verdict::Undetermined
        );
        assert_eq!(verdict(&policy, &[met, (Class::Adaptive, false, Outcome::Unmet)]), Verdict::Ready);
    }

    #[test]
    fn a_severity_that_the_policy_file_raises_is_judged_under_only_production() {
        let mut policy = Policy { only_production: true, ..Policy::of(Environment::Development) };
        let left_out = (Class::Adaptive, false, Outcome::Unmet);
        let met = (Class::Regular, false, Outcome::Met);
        let verdict = |policy: &Policy| verdict(policy, &[met.clone(), left_out.clone()]);
        assert_eq!(verdict(&policy), Verdict::Ready);
        policy.raised.insert("test", Enforcement::Warns);
        assert_eq!(verdict(&policy), Verdict::ReadyWithWarnings);
        policy.raised.insert("test", Enforcement::Blocks);
        assert_eq!(verdict(&policy), Verdict::NotReady);
    }

    #[test]
    fn unmet_beats_inconclusive_and_a_mandatory_requirement_always_applies() {
        let policy = Policy::of(Environment::Production);
        let unmet = (Class::Adaptive, true, Outcome::Unmet);
        assert_eq!(verdict(&policy, &[(Class::Adaptive, true, inconclusive()), unmet]), Verdict::NotReady);
        let not_applicable = Outcome::NotApplicable(String::new());
        assert_eq!(
            verdict(&policy, &[(Class::Adaptive, true, not_applicable.clone())]),
            Verdict::Undetermined
        );
        assert_eq!(verdict(&policy, &[(Class::Adaptive, false, not_applicable)]), Verdict::Ready);
    }

    /// In development nothing judges a requirement for production alone.
    #[test]
    fn the_score_is_the_weight_of_the_met_requirements_in_that_of_the_judged() {
        let policy = Policy::of(Environment::Development);
        let regular = |outcome| (Class::Regular, false, outcome);
        let of_production = |outcome| (Class::ProductionOnly, false, outcome);
        let [met, unmet, undecided] = [Outcome::Met, Outcome::Unmet, inconclusive()].map(regular);
        let left_out = [
            regular(Outcome::NotApplicable(String::new())),
            of_production(Outcome::Met),
            of_production(Outcome::Unmet),
        ];
        let score = |judged: &[(Class, bool, Outcome)]| score(&findings(&policy, judged), &policy);
        assert_eq!(score(&[&[met.clone(), met.clone(), unmet.clone()], &left_out[..]].concat()), 66);
        assert_eq!(score(&[met.clone(), unmet, undecided]), 33);
        assert_eq!(score(&[met]), 100);
    }

    #[test]
    fn verdicts_are_ranked_from_the_worst_to_the_best() {
        use Verdict::{NotReady, Ready, ReadyWithWarnings, Undetermined};
        let mut verdicts = [Ready, NotReady, ReadyWithWarnings, Undetermined];
        verdicts.sort_by_key(|verdict| verdict.badness());
        assert_eq!(verdicts, [NotReady, Undetermined, ReadyWithWarnings, Ready]);
    }

    #[test]
    fn each_verdict_has_words_for_people() {
        use Verdict::{NotReady, Ready, ReadyWithWarnings, Undetermined};
        let words = [Ready, ReadyWithWarnings, NotReady, Undetermined].map(Verdict::words);
        assert_eq!(words, ["ready", "ready, with warnings", "not ready", "undetermined"]);
    }

    #[test]
    fn a_run_without_findings_is_undetermined() {
        assert_eq!(Verdict::of(&[]), Verdict::Undetermined);
        assert_eq!(score(&[], &Policy::of(Environment::Production)), 0);
    }
}
