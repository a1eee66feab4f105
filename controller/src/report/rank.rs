//! The order of findings: what blocks, what warns, the rest.

use super::{Enforcement, ReportedFinding, ReportedOutcome};

/// A finding's place in the order; findings of the same rank have the same outcome and the same effect.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Rank {
    pub(super) effect: Effect,
    outcome: u8,
    enforcement: u8,
}

/// The effect of a finding on the verdict.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Effect {
    /// The verdict cannot be ready.
    Blocks,
    /// The verdict carries a warning.
    Warns,
    /// The verdict stays as it is.
    None,
}

impl Rank {
    pub(super) fn of(finding: &ReportedFinding) -> Self {
        let effect = match (finding.is_wanting(), finding.enforcement) {
            (true, Enforcement::Blocks) => Effect::Blocks,
            (true, Enforcement::Waived | Enforcement::Warns) => Effect::Warns,
            _ => Effect::None,
        };
        let outcome = match finding.outcome {
            ReportedOutcome::Unmet => 0,
            ReportedOutcome::Inconclusive => 1,
            ReportedOutcome::Met => 2,
            ReportedOutcome::NotApplicable => 3,
        };
        let enforcement = match finding.enforcement {
            Enforcement::Blocks => 0,
            Enforcement::Waived => 1,
            Enforcement::Warns => 2,
            Enforcement::Shown => 3,
            Enforcement::NotJudged => 4,
        };
        Self { effect, outcome, enforcement }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn finding(outcome: ReportedOutcome, enforcement: Enforcement) -> ReportedFinding {
        let report = fixture::report(&fixture::gvisor());
        let finding = report.sandboxes[0].findings.iter().find(|finding| finding.mandatory).unwrap();
        ReportedFinding { enforcement, outcome, ..finding.as_ref().clone() }
    }

    fn is_worse(one: (ReportedOutcome, Enforcement), other: (ReportedOutcome, Enforcement)) -> bool {
        let [one, other] = [one, other].map(|(outcome, enforcement)| finding(outcome, enforcement));
        Rank::of(&one) < Rank::of(&other)
    }

    #[test]
    fn a_gap_that_blocks_is_worse_than_an_unmet_requirement_that_warns() {
        let blocking = (ReportedOutcome::Inconclusive, Enforcement::Blocks);
        assert!(is_worse(blocking, (ReportedOutcome::Unmet, Enforcement::Warns)));
        assert!(is_worse(blocking, (ReportedOutcome::Unmet, Enforcement::Waived)));
    }

    #[test]
    fn a_mandatory_requirement_that_is_not_applicable_is_worse_than_a_met_one() {
        let met = (ReportedOutcome::Met, Enforcement::Blocks);
        for enforcement in [Enforcement::Blocks, Enforcement::Waived, Enforcement::Warns] {
            assert!(is_worse((ReportedOutcome::NotApplicable, enforcement), met), "{enforcement:?}");
        }
    }
}
