//! Two runs side by side: what became better, worse, new or gone, for each requirement in each place.
//!
//! A place is a namespace's pool and node. Policies and the RuntimeClass are no part of a place, because they may be the
//! change. Of several probes in a place the worst counts.

mod comparison_v1;

use std::{collections::BTreeMap, fmt::Write};

use super::{
    Report, ReportedFinding, ReportedOutcome, Subject, gaps,
    rank::{Effect, Rank},
};

pub use comparison_v1::{Became, Change, ComparedRun, Comparison, Stand};

/// The worst findings of a report, by place and requirement.
type Findings<'a> = BTreeMap<(String, &'static str), &'a ReportedFinding>;

/// Compares two runs that were judged under one policy.
pub fn compare(old: &Report, new: &Report) -> Comparison {
    let (before, after) = (findings(old), findings(new));
    let there = |place: &str| after.keys().any(|(known, _)| known == place);
    let mut changes: Vec<_> = after
        .iter()
        .filter_map(|(key, after)| change(key, before.get(key).copied(), Some(after), true))
        .chain(
            before
                .iter()
                .filter(|(key, _)| !after.contains_key(*key))
                .filter_map(|(key, before)| change(key, Some(before), None, there(&key.0))),
        )
        .collect();
    changes.sort_by(|a, b| (a.became, &a.place, &a.requirement).cmp(&(b.became, &b.place, &b.requirement)));
    Comparison {
        version: comparison_v1::VERSION,
        old: compared(old),
        new: compared(new),
        narrower: new.extent.narrower_than(&old.extent),
        changes,
    }
}

fn compared(report: &Report) -> ComparedRun {
    ComparedRun { verdict: report.verdict, headline: report.headline(), origin: report.origin() }
}

/// Returns the findings of a report; of several probes in a place the worst counts.
fn findings(report: &Report) -> Findings<'_> {
    let mut findings = Findings::new();
    for sandbox in &report.sandboxes {
        for finding in &sandbox.findings {
            let kept = findings.entry((place(&sandbox.subject), finding.id)).or_insert(finding);
            if Rank::of(finding) < Rank::of(kept) {
                *kept = finding;
            }
        }
    }
    findings
}

fn change(
    (place, requirement): &(String, &'static str),
    before: Option<&ReportedFinding>,
    after: Option<&ReportedFinding>,
    place_is_there: bool,
) -> Option<Change> {
    let became = match (before, after) {
        (Some(before), Some(after)) => became(before, after)?,
        (None, Some(after)) if after.is_wanting() => Became::Worse,
        (None, Some(_)) => Became::New,
        (Some(_), None) if place_is_there => Became::Worse,
        (Some(_), None) => Became::Gone,
        (None, None) => return None,
    };
    Some(Change {
        became,
        place: place.clone(),
        requirement: (*requirement).to_owned(),
        before: before.map(Stand::from),
        after: after.map(Stand::from),
    })
}

/// Returns the direction of a change in one place; `None` without a change.
fn became(before: &ReportedFinding, after: &ReportedFinding) -> Option<Became> {
    match order(after).cmp(&order(before)) {
        std::cmp::Ordering::Less => Some(Became::Worse),
        std::cmp::Ordering::Equal => None,
        // A requirement without a meaning shows no mend of its gap.
        std::cmp::Ordering::Greater
            if before.is_wanting() && after.outcome == ReportedOutcome::NotApplicable =>
        {
            Some(Became::Lapsed)
        }
        std::cmp::Ordering::Greater => Some(Became::Better),
    }
}

/// Returns the order of findings, in which the worse comes first. A requirement without a meaning comes before a met one.
fn order(finding: &ReportedFinding) -> (Effect, u8) {
    (Rank::of(finding).effect, gaps::rank(finding.outcome))
}

/// Renders both runs, a line for each change, and a count.
pub fn render(comparison: &Comparison) -> String {
    let Comparison { version: _, old, new, narrower, changes } = comparison;
    let mut text = format!("old: {}; {}\nnew: {}; {}\n", old.headline, old.origin, new.headline, new.origin);
    for part in narrower {
        // Writing to a string does not fail.
        _ = writeln!(text, "narrower: {part}");
    }
    let mut place = None;
    for change in changes {
        let heading = (change.became, &change.place);
        if place != Some(heading) {
            // Writing to a string does not fail.
            _ = writeln!(text, "{}: {}", change.became.word(), change.place);
            place = Some(heading);
        }
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        let same = before.zip(after).is_some_and(|(before, after)| before.outcome == after.outcome);
        let word = |stand: Option<&Stand>| match stand {
            None => "not there".to_owned(),
            Some(stand) if same => format!("{}, {}", stand.outcome.word(), stand.enforcement.id()),
            Some(stand) => stand.outcome.word().to_owned(),
        };
        let because = after.or(before).map(|stand| stand.because.as_str());
        _ = writeln!(
            text,
            "  {} {}: {} → {}: {}",
            change.became.sign(),
            change.requirement,
            word(before),
            word(after),
            because.unwrap_or_default()
        );
    }
    let counts = Became::ALL.map(|became| {
        let count = changes.iter().filter(|change| change.became == became).count();
        format!("{count} {}", became.word())
    });
    text + &counts.join(", ") + "\n"
}

fn place(subject: &Subject) -> String {
    match subject {
        Subject::Pods { namespace, pool, node, .. } => {
            let node = node.as_ref().map(|node| format!(", node {node}")).unwrap_or_default();
            format!("namespace {namespace}, pool {pool}{node}")
        }
        Subject::Sandbox { .. } | Subject::Container { .. } | Subject::Unsandboxed => subject.name(),
    }
}

// === impl Stand ===

impl From<&ReportedFinding> for Stand {
    fn from(finding: &ReportedFinding) -> Self {
        Self { outcome: finding.outcome, enforcement: finding.enforcement, because: finding.because.clone() }
    }
}

#[cfg(test)]
mod tests;
