//! The extent of a verdict in words.

use std::collections::BTreeSet;

use super::{Extent, LeftOut, Report, Verdict};
use crate::judge::{
    finding::Finding,
    policy::{Enforcement, Policy},
};

/// The flag that leaves requirements out.
const ONLY: &str = "--only production";

impl Extent {
    /// Returns the extent of findings under a policy.
    pub(super) fn of(policy: &Policy, findings: &[Finding]) -> Self {
        let mut told = BTreeSet::new();
        let skipped = findings.iter().filter(|finding| finding.enforcement == Enforcement::NotJudged);
        let names: Vec<_> = skipped
            .map(|finding| finding.requirement.id)
            .filter(|id| policy.only_production && told.insert(*id))
            .map(str::to_owned)
            .collect();
        if names.is_empty() {
            return Self { whole: true, ..Self::default() };
        }
        Self {
            whole: false,
            restricted_to: vec!["the requirements of production alone".to_owned()],
            left_out: vec![LeftOut { by: ONLY, noun: "requirement", names }],
        }
    }
}

impl LeftOut {
    /// Returns the names of requirements, and the number of anything else.
    fn words(&self) -> String {
        let Self { by, noun, names } = self;
        match names.as_slice() {
            [name] => format!("by {by}: {name}"),
            names if *by == ONLY => format!("by {by}: {}", names.join(", ")),
            names => format!("by {by}: {} {noun}s", names.len()),
        }
    }
}

/// Returns the verdict in words, with the extent that it is for. A restricted run never has the words of a whole one.
pub(super) fn verdict(report: &Report) -> String {
    let Extent { restricted_to, left_out, .. } = &report.extent;
    let mut words = report.verdict.words().to_owned();
    if !restricted_to.is_empty() {
        let comma = if report.verdict == Verdict::ReadyWithWarnings { "," } else { "" };
        words += &format!("{comma} for {}", restricted_to.join(", "));
    }
    if !left_out.is_empty() {
        let parts: Vec<_> = left_out.iter().map(LeftOut::words).collect();
        words += &format!(" (left out {})", parts.join("; "));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{case::environment::Environment, fixture, report::head};

    fn report(policy: &Policy) -> Report {
        Report::of(&fixture::record(vec![fixture::gvisor()]), policy)
    }

    #[test]
    fn a_run_without_restrictions_has_the_plain_words() {
        let report = report(&Policy::of(Environment::Production));
        assert_eq!(head::verdict(&report), "ready, with warnings, judged for production");
        assert!(report.extent.whole && report.extent.left_out.is_empty(), "{:?}", report.extent);
    }

    #[test]
    fn the_verdict_names_the_requirements_that_a_flag_left_out() {
        let report = report(&Policy { only_production: true, ..Policy::of(Environment::Production) });
        let line = head::verdict(&report);
        let begin =
            "ready, with warnings, for the requirements of production alone (left out by --only production: ";
        assert!(line.starts_with(begin) && line.contains("least-privilege"), "{line}");
        assert!(!report.extent.whole, "{:?}", report.extent);
    }

    #[test]
    fn a_raised_severity_is_not_left_out() {
        let mut policy = Policy { only_production: true, ..Policy::of(Environment::Production) };
        policy.raised.insert("least-privilege", Enforcement::Blocks);
        let line = head::verdict(&report(&policy));
        assert!(!line.contains("least-privilege"), "{line}");
    }
}
