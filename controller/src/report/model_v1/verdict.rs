//! The verdict's four values.

use schemars::JsonSchema;
use serde::Serialize;

use crate::judge::verdict;

/// The verdict on a run or on a sandbox.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every enforced requirement is met, and nothing warns.
    Ready,
    /// Every enforced requirement is met, and something warns.
    ReadyWithWarnings,
    /// An enforced requirement is unmet, or a waiver has expired.
    NotReady,
    /// An enforced requirement is inconclusive, and none is known to be unmet.
    Undetermined,
}

impl Verdict {
    /// Returns the verdict as formats for programs name it.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::ReadyWithWarnings => "ready-with-warnings",
            Self::NotReady => "not-ready",
            Self::Undetermined => "undetermined",
        }
    }

    /// Returns true if a gate lets the run pass.
    pub const fn passes(self) -> bool {
        matches!(self, Self::Ready | Self::ReadyWithWarnings)
    }

    /// Returns the verdict's words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::ReadyWithWarnings => "ready, with warnings",
            Self::NotReady => "not ready",
            Self::Undetermined => "undetermined",
        }
    }

    /// Returns a sign that says the same without a colour.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Ready => "✔",
            Self::ReadyWithWarnings => "!",
            Self::NotReady => "✘",
            Self::Undetermined => "?",
        }
    }

    /// Returns a number that is smaller the worse the verdict is; *not ready* is worse than *undetermined*.
    pub const fn badness(self) -> u8 {
        match self {
            Self::NotReady => 0,
            Self::Undetermined => 1,
            Self::ReadyWithWarnings => 2,
            Self::Ready => 3,
        }
    }
}

impl From<verdict::Verdict> for Verdict {
    fn from(verdict: verdict::Verdict) -> Self {
        match verdict {
            verdict::Verdict::Ready => Self::Ready,
            verdict::Verdict::ReadyWithWarnings => Self::ReadyWithWarnings,
            verdict::Verdict::NotReady => Self::NotReady,
            verdict::Verdict::Undetermined => Self::Undetermined,
        }
    }
}

impl From<Verdict> for verdict::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Ready => Self::Ready,
            Verdict::ReadyWithWarnings => Self::ReadyWithWarnings,
            Verdict::NotReady => Self::NotReady,
            Verdict::Undetermined => Self::Undetermined,
        }
    }
}
