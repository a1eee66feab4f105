//! The report as annotations of a GitHub workflow (docs.github.com, "Workflow commands for GitHub Actions"): one for the
//! verdict, one for each requirement that blocks or warns. GitHub shows ten of a kind for each step, so the worst come first.

use super::{Enforcement, Report, Verdict, gaps::Gap, head};

/// Reasons of a requirement that an annotation has before the rest is counted.
const REASONS: usize = 3;

/// The loudness of an annotation.
#[derive(Clone, Copy, Debug)]
enum Level {
    Error,
    Warning,
    Notice,
}

/// Renders a line for each annotation.
pub(super) fn render(report: &Report) -> String {
    let level = match report.verdict {
        Verdict::Ready => Level::Notice,
        Verdict::ReadyWithWarnings => Level::Warning,
        Verdict::NotReady | Verdict::Undetermined => Level::Error,
    };
    let rows = head::rows(report).into_iter().map(|(name, value)| format!("{name}: {value}"));
    let verdict = [head::verdict(report)].into_iter().chain(rows).collect::<Vec<_>>().join("\n");
    let expired = report.expired_waivers();
    let expired =
        expired.map(|waiver| command(Level::Error, "podproof: a waiver has expired", &waiver.expiry()));
    let mut lines = vec![command(level, "podproof", &verdict)];
    lines.extend(expired);
    lines.extend(Gap::of(report).iter().map(annotation));
    lines.join("\n") + "\n"
}

/// A requirement is annotated once, with its reasons, places and fixes.
fn annotation(gap: &Gap<'_>) -> String {
    let level = match gap.finding.enforcement {
        Enforcement::Blocks => Level::Error,
        Enforcement::Waived | Enforcement::Warns => Level::Warning,
        Enforcement::Shown | Enforcement::NotJudged => Level::Notice,
    };
    let first = format!("{}, {}", gap.outcome(), gap.effect());
    let rows = gap.rows(REASONS).into_iter().map(|(name, value)| format!("{name}: {value}"));
    let text = [first].into_iter().chain(rows).collect::<Vec<_>>().join("\n");
    command(level, &format!("{}: {}", gap.finding.id, gap.finding.title), &text)
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

/// Escapes a text as the runner reads it back (actions/toolkit, `packages/core/src/command.ts`).
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
