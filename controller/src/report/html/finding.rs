//! A finding's class and words on the page.

use super::super::{
    Enforcement, ReportedFinding, ReportedOutcome,
    rank::{Effect, Rank},
};

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
