//! The report as a GitHub workflow's annotations (docs.github.com, "Workflow commands for GitHub Actions"): one for the
//! verdict, one for each requirement that is wanting. GitHub shows ten of a kind for each step, so the worst come first.

use super::{Enforcement, Report, ReportedFinding, Standing, Verdict};

/// How loud an annotation is; earlier is louder.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Level {
    Error,
    Warning,
    Notice,
}

/// One line each.
pub(super) fn render(report: &Report) -> String {
    let level = match report.verdict {
        Verdict::Ready => Level::Notice,
        Verdict::ReadyWithWarnings => Level::Warning,
        Verdict::NotReady | Verdict::Undetermined => Level::Error,
    };
    let verdict = format!(
        "{}, judged for {} ({}); score {} of 100",
        report.verdict.words(),
        report.environment.environment,
        report.environment.source,
        report.score
    );
    let expired = report.waivers.iter().filter(|waiver| waiver.standing == Standing::Expired).map(|waiver| {
        let what = format!("{} ({}): its last day was {}", waiver.requirement, waiver.owner, waiver.expires);
        command(Level::Error, "podproof: a waiver has expired", &what)
    });
    let mut lines = vec![command(level, "podproof", &verdict)];
    lines.extend(expired);
    let mut findings = wanting(report);
    findings.sort_by_key(|(level, _)| *level);
    lines.extend(findings.into_iter().map(|(_, line)| line));
    lines.join("\n") + "\n"
}

/// A requirement is annotated once, with everything that it is wanting for.
fn wanting(report: &Report) -> Vec<(Level, String)> {
    let all = || {
        let sandboxes = report.sandboxes.iter();
        let findings = sandboxes.flat_map(|sandbox| sandbox.findings.iter().map(move |it| (sandbox, it)));
        findings.filter(|(_, finding)| finding.is_wanting())
    };
    let mut ids: Vec<_> = all().map(|(_, finding)| finding.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let annotation = |id: &str| {
        let of_it: Vec<_> = all().filter(|(_, finding)| finding.id == id).collect();
        let (_, first) = *of_it.first()?;
        let level = of_it.iter().map(|(_, finding)| level(finding)).min()?;
        let mut text: Vec<_> = of_it
            .iter()
            .map(|(sandbox, finding)| {
                format!("{}: {} ({})", finding.outcome.word(), finding.because, sandbox.subject.name())
            })
            .collect();
        text.extend(first.remedy.map(|remedy| format!("remedy: {remedy}")));
        Some((level, command(level, &format!("{id}: {}", first.title), &text.join("\n"))))
    };
    ids.into_iter().filter_map(annotation).collect()
}

const fn level(finding: &ReportedFinding) -> Level {
    match finding.enforcement {
        Enforcement::Blocks => Level::Error,
        Enforcement::Waived | Enforcement::Warns => Level::Warning,
        Enforcement::Shown | Enforcement::NotJudged => Level::Notice,
    }
}

fn command(level: Level, title: &str, text: &str) -> String {
    let name = match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Notice => "notice",
    };
    let title = escaped(title).replace(':', "%3A").replace(',', "%2C");
    format!("::{name} title={title}::{}", escaped(text))
}

/// As the runner reads it back (actions/toolkit, `packages/core/src/command.ts`).
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
