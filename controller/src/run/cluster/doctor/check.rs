//! One thing that a run needs, the result of the look at it, and the prospect of a run that follows from all of them.

use crate::{run::cluster::readiness::Readiness, support::printable::line};

/// One thing that a run needs, and the result of the look at it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Check {
    what: String,
    result: Result<String, Trouble>,
}

/// The fault of one thing, and its remedy.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Trouble {
    weight: Weight,
    why: String,
    remedy: String,
}

/// The weight of a fault on the prospect of a run.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Weight {
    /// A run lacks an explanation, and can decide every requirement.
    Remark,
    /// A run would leave requirements inconclusive, or may do so.
    Inconclusive,
    /// No run would work.
    Fatal,
}

/// Renders one line for each check, and the remedy below each fault.
pub(crate) fn render(checks: &[Check]) -> String {
    let told = |check: &Check| match &check.result {
        Ok(text) => format!("✔ {}: {}\n", line(&check.what), line(text)),
        Err(Trouble { weight, why, remedy }) => {
            format!("{} {}: {}\n  remedy: {}\n", weight.sign(), line(&check.what), line(why), line(remedy))
        }
    };
    checks.iter().map(told).collect()
}

/// Returns the prospect of a run, which the worst check decides.
pub(crate) fn readiness(checks: &[Check]) -> Readiness {
    let troubles = checks.iter().filter_map(|check| check.result.as_ref().err());
    match troubles.map(|trouble| trouble.weight).max() {
        None | Some(Weight::Remark) => Readiness::Ready,
        Some(Weight::Inconclusive) => Readiness::Incomplete,
        Some(Weight::Fatal) => Readiness::Unable,
    }
}

// === impl Check ===

impl Check {
    pub(super) fn fine(what: &str, text: impl Into<String>) -> Self {
        Self { what: what.to_owned(), result: Ok(text.into()) }
    }

    pub(super) fn trouble(
        what: &str,
        weight: Weight,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let trouble = Trouble { weight, why: why.into(), remedy: remedy.into() };
        Self { what: what.to_owned(), result: Err(trouble) }
    }
}

// === impl Weight ===

impl Weight {
    /// Returns the sign that a report has for a verdict of the same weight.
    const fn sign(self) -> &'static str {
        match self {
            Self::Remark => "!",
            Self::Inconclusive => "?",
            Self::Fatal => "✘",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> [Check; 4] {
        [
            Check::fine("one", "there"),
            Check::trouble("two", Weight::Remark, "untold", "do this"),
            Check::trouble("three", Weight::Inconclusive, "incomplete", "do that"),
            Check::trouble("four", Weight::Fatal, "broken", "do the other"),
        ]
    }

    #[test]
    fn the_worst_check_decides() {
        let [fine, remark, minor, fatal] = checks();
        assert_eq!(readiness(std::slice::from_ref(&fine)), Readiness::Ready);
        assert_eq!(readiness(&[fine, remark.clone()]), Readiness::Ready);
        assert_eq!(readiness(&[remark, minor.clone()]), Readiness::Incomplete);
        assert_eq!(readiness(&[fatal, minor]), Readiness::Unable);
    }

    #[test]
    fn every_fault_has_a_sign_and_a_remedy() {
        let text = render(&checks());
        assert_eq!(text.matches("remedy").count(), 3);
        for said in ["✔ one", "! two", "? three", "✘ four"] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }
}
