//! The order of findings on the page: what blocks, what warns, the rest.

use super::super::{Enforcement, ReportedFinding, ReportedOutcome};

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

/// Returns the finding's class in the style sheet, which never says anything that a word beside it does not.
pub(super) fn tone(finding: &ReportedFinding) -> &'static str {
    match (finding.outcome, Rank::of(finding).effect) {
        (ReportedOutcome::Unmet, Effect::Blocks) => "unmet blocks",
        (ReportedOutcome::Unmet, _) => "warned",
        (ReportedOutcome::Inconclusive, Effect::Blocks) => "inconclusive blocks",
        (ReportedOutcome::Inconclusive, _) => "inconclusive",
        (ReportedOutcome::Met, _) => "met",
        (ReportedOutcome::NotApplicable, Effect::Blocks) => "idle blocks",
        (ReportedOutcome::NotApplicable, _) => "idle",
    }
}

/// Returns the outcome in words.
pub(super) const fn word(finding: &ReportedFinding) -> &'static str {
    match finding.enforcement {
        Enforcement::NotJudged => Enforcement::NotJudged.id(),
        _ => finding.outcome.word(),
    }
}

/// Returns the outcome's name in the page's filter.
pub(super) const fn outcome(finding: &ReportedFinding) -> &'static str {
    match finding.outcome {
        ReportedOutcome::Met => "met",
        ReportedOutcome::Unmet => "unmet",
        ReportedOutcome::Inconclusive => "inconclusive",
        ReportedOutcome::NotApplicable => "idle",
    }
}
