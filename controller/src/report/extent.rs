//! The extent of a verdict in words.

use std::collections::BTreeSet;

use super::{Extent, LeftOut, Report, Verdict};
use crate::{
    case::cluster::Coverage,
    judge::{
        finding::Finding,
        policy::{Enforcement, Policy},
    },
};

/// The flag that leaves requirements out.
pub(crate) const ONLY: &str = "--only production";
/// The flag that leaves attempts out.
pub(crate) const NO_NETWORK: &str = "--no-network";

impl Extent {
    /// Returns the extent of a run and its findings under a policy.
    pub(super) fn of(
        policy: &Policy,
        coverage: Option<&Coverage>,
        lacks_attempts: bool,
        findings: &[Finding],
    ) -> Self {
        let only = skipped(policy, findings);
        let parts = coverage.into_iter().flat_map(Coverage::restricted_to).map(|part| part.name.clone());
        let requirements = (!only.is_empty()).then(|| "the requirements of production alone".to_owned());
        let restricted_to = parts.chain(requirements).collect();
        let mut left_out: Vec<LeftOut> = Vec::new();
        for part in coverage.into_iter().flat_map(|coverage| &coverage.left_out) {
            let (by, noun) = (part.by.flag(), part.by.noun());
            match left_out.iter_mut().find(|it| it.by == by) {
                Some(it) => it.names.push(part.name.clone()),
                None => left_out.push(LeftOut { by, noun, names: vec![part.name.clone()] }),
            }
        }
        if lacks_attempts {
            let names = vec!["every attempt over the network".to_owned()];
            left_out.push(LeftOut { by: NO_NETWORK, noun: "attempt", names });
        }
        if !only.is_empty() {
            left_out.push(LeftOut { by: ONLY, noun: "requirement", names: only });
        }
        Self { whole: left_out.is_empty(), restricted_to, left_out }
    }

    /// Returns the parts that this extent leaves out and another does not.
    pub(super) fn narrower_than(&self, other: &Self) -> Vec<String> {
        let known = |by, name| other.left_out.iter().any(|it| it.by == by && it.names.contains(name));
        let parts = self.left_out.iter().flat_map(|it| it.names.iter().map(move |name| (it.by, name)));
        parts
            .filter(|(by, name)| !known(*by, name))
            .map(|(by, name)| format!("{name}: left out by {by}"))
            .collect()
    }
}

/// Returns the ids of the requirements that `--only production` leaves out.
fn skipped(policy: &Policy, findings: &[Finding]) -> Vec<String> {
    let mut told = BTreeSet::new();
    let skipped = findings.iter().filter(|finding| finding.enforcement == Enforcement::NotJudged);
    let ids = skipped.map(|finding| finding.requirement.id);
    ids.filter(|id| policy.only_production && told.insert(*id)).map(str::to_owned).collect()
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
        words = format!("{words}{comma} for {}", restricted_to.join(", "));
    }
    if !left_out.is_empty() {
        let parts: Vec<_> = left_out.iter().map(LeftOut::words).collect();
        words = format!("{words} (left out {})", parts.join("; "));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::{
            Case,
            cluster::{Part, Restriction},
            environment::Environment,
        },
        fixture,
        report::head,
    };

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
        let begin = "ready for the requirements of production alone (left out by --only production: ";
        assert!(line.starts_with(begin) && line.contains("least-privilege"), "{line}");
        assert!(!report.extent.whole, "{:?}", report.extent);
    }

    #[test]
    fn the_verdict_says_that_attempts_were_left_out() {
        let mut case = fixture::gvisor();
        fixture::without_attempts(&mut case);
        let report = fixture::report(&case);
        let words =
            "undetermined (left out by --no-network: every attempt over the network), judged for production";
        assert_eq!(head::verdict(&report), words);
        assert!(report.notes.iter().any(|note| note.contains("`--no-network`")), "{:?}", report.notes);
    }

    #[test]
    fn a_raised_severity_is_not_left_out() {
        let mut policy = Policy { only_production: true, ..Policy::of(Environment::Production) };
        policy.raised.insert("least-privilege", Enforcement::Blocks);
        let line = head::verdict(&report(&policy));
        assert!(!line.contains("least-privilege"), "{line}");
    }

    #[test]
    fn the_verdict_names_what_a_run_is_for_and_counts_what_it_leaves_out() {
        let mut case = fixture::pod();
        let part = |name: &str| Part { by: Restriction::Like, name: name.to_owned() };
        let coverage = fixture::coverage(&mut case);
        coverage.asked_for = vec![part("deployment/web")];
        let line = |case: &Case| head::verdict(&fixture::report(case));
        assert_eq!(line(&case), "undetermined, judged for production");
        let coverage = fixture::coverage(&mut case);
        coverage.left_out = vec![part("deployment/a"), part("job/b")];
        assert_eq!(
            line(&case),
            "undetermined for deployment/web (left out by --like: 2 workloads), judged for production"
        );
    }

    #[test]
    fn a_run_that_leaves_more_out_is_narrower() {
        let extent = |names: &[&str]| Extent {
            whole: false,
            restricted_to: Vec::new(),
            left_out: vec![LeftOut {
                by: "--like",
                noun: "workload",
                names: names.iter().map(|&name| name.to_owned()).collect(),
            }],
        };
        assert_eq!(extent(&["a", "b"]).narrower_than(&extent(&["a"])), ["b: left out by --like"]);
        assert_eq!(extent(&["a"]).narrower_than(&extent(&["a", "b"])), [""; 0]);
    }
}
