//! Version 1 of the comparison of two runs, in types of its own. The rules of the report's version hold for this version, too.

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::{Enforcement, ReportedOutcome, Verdict};

/// The version of this form.
pub(super) const VERSION: u32 = 1;

/// The comparison of two runs under one policy.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Comparison {
    /// The version of this form, which is 1.
    pub version: u32,
    /// The earlier run.
    pub old: ComparedRun,
    /// The later run.
    pub new: ComparedRun,
    /// The parts that only the later run leaves out, each with the flag that left it out; the run's gaps there are not seen.
    pub narrower: Vec<String>,
    /// The differences, the worse first.
    pub changes: Vec<Change>,
}

/// One of the two runs.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ComparedRun {
    /// The verdict under the policy of the comparison.
    pub verdict: Verdict,
    /// The verdict with its extent and environment, for people.
    pub headline: String,
    /// The place and the time of the run, for people.
    pub origin: String,
}

/// A difference between two runs.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Change {
    /// The direction of the change.
    pub became: Became,
    /// The place, as people read it.
    pub place: String,
    /// The requirement's id.
    pub requirement: String,
    /// The earlier finding; `null` if the place is new.
    pub before: Option<Stand>,
    /// The later finding; `null` if the place is gone, or if the requirement is no longer judged there.
    pub after: Option<Stand>,
}

/// The direction of a change.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Became {
    /// The finding is worse than before, or a new place has a gap, or a requirement is no longer judged where others are.
    Worse,
    /// The finding is better than before.
    Better,
    /// The requirement was unmet or inconclusive, and is not applicable now. Nothing shows that the gap was mended.
    Lapsed,
    /// The place did not exist before.
    New,
    /// The place no longer exists.
    Gone,
}

/// The finding of a requirement in one place.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Stand {
    /// The finding's outcome.
    pub outcome: ReportedOutcome,
    /// The effect of the requirement on the verdict.
    pub enforcement: Enforcement,
    /// The finding's reason.
    pub because: String,
}

// === impl Comparison ===

impl Comparison {
    /// Returns true if a requirement became worse, or if the later run leaves more out.
    pub fn is_worse(&self) -> bool {
        !self.narrower.is_empty() || self.changes.iter().any(|change| change.became == Became::Worse)
    }
}

// === impl Became ===

impl Became {
    pub(super) const ALL: [Self; 5] = [Self::Worse, Self::Better, Self::Lapsed, Self::New, Self::Gone];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Lapsed => "lapsed",
            Self::New => "new",
            Self::Gone => "gone",
        }
    }

    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Worse => "✘",
            Self::Better => "✔",
            Self::Lapsed => "?",
            Self::New => "+",
            Self::Gone => "–",
        }
    }
}
