//! The report as GitLab's code quality report: an entry for each requirement that blocks or warns (docs.gitlab.com, "Code
//! Quality", "Code Quality report format").
//!
//! An entry must have a file and a line; the entry names the policy file, as seen from the repository.

use serde::Serialize;

use super::{Enforcement, Error, Report, ReportedFinding, gaps::Gap, head};
use crate::support::digest::sha256;

/// Reasons of a requirement that an entry has before the rest is counted.
const REASONS: usize = 3;

#[derive(Serialize)]
struct Entry {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
}

/// Renders one document, with a line end.
pub(super) fn render(report: &Report) -> Result<String, Error> {
    let expired = report.expired_waivers().map(|waiver| {
        let name = format!("{}\n{}", waiver.requirement, waiver.scope);
        entry(report, "waiver-expired", &name, (waiver.expiry(), "critical", waiver.line))
    });
    let gaps = Gap::of(report);
    let gaps = gaps.iter().map(|gap| {
        let rows = gap.rows(REASONS).into_iter().map(|(name, value)| format!("{name}: {value}"));
        let first = format!("{}: {}, {}", gap.finding.title, gap.outcome(), gap.effect());
        let text = [first].into_iter().chain(rows).collect::<Vec<_>>().join("; ");
        let effect = gap.effect();
        entry(report, gap.finding.id, effect, (text, severity(gap.finding), 1))
    });
    // A restricted extent may decide the verdict while no requirement does.
    let verdict = (!report.verdict.passes())
        .then(|| entry(report, "verdict", "", (head::verdict(report), "blocker", 1)));
    let place = head::place(report);
    let entries: Vec<_> = verdict.into_iter().chain(expired).chain(gaps).map(|it| it.at(&place)).collect();
    Ok(serde_json::to_string_pretty(&entries)? + "\n")
}

fn entry(
    report: &Report,
    rule: &str,
    name: &str,
    (description, severity, line): (String, &'static str, usize),
) -> Entry {
    Entry {
        description,
        check_name: rule.to_owned(),
        fingerprint: format!("{rule}\n{name}"),
        severity,
        // GitLab knows the files of a repository by paths that begin with no dot.
        location: Location {
            path: report.policy_path().trim_start_matches("./").to_owned(),
            lines: Lines { begin: line.max(1) },
        },
    }
}

impl Entry {
    /// Makes the fingerprint that of this entry at one place, so that the next run's entry is known again.
    fn at(self, place: &str) -> Self {
        Self { fingerprint: sha256(format!("{place}\n{}", self.fingerprint).as_bytes()), ..self }
    }
}

/// Returns a severity of GitLab. The names are closed: info, minor, major, critical, blocker.
const fn severity(finding: &ReportedFinding) -> &'static str {
    match finding.enforcement {
        Enforcement::Blocks if finding.mandatory => "blocker",
        Enforcement::Blocks => "critical",
        Enforcement::Waived | Enforcement::Warns => "minor",
        Enforcement::Shown | Enforcement::NotJudged => "info",
    }
}
