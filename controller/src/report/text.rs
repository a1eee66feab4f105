//! The report as a table, for people. Beside every colour stand a sign and a word.

mod pods;

use comfy_table::{Cell, Color, ContentArrangement, Table, presets::NOTHING};

use super::{Report, ReportedFinding, ReportedOutcome, ReportedSandbox};
use crate::{policy::Enforcement, verdict::Verdict};

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// How wide, in columns.
    pub width: u16,
    /// Whether with colours.
    pub colour: bool,
    /// Whether the evidence of what is met is shown too.
    pub verbose: bool,
}

/// The whole report.
pub fn render(report: &Report, style: Style) -> String {
    let mut sections = vec![head(report, style)];
    if pods::are_judged(report) {
        sections.push(pods::matrix(report, style));
    }
    for sandbox in &report.sandboxes {
        let several = pods::title(sandbox);
        sections.extend(several.clone());
        if several.is_none() {
            sections.push(findings(sandbox, style));
        }
        let shown = |finding: &&ReportedFinding| style.verbose || wanting(finding);
        sections.extend(
            sandbox.findings.iter().filter(shown).map(|finding| detail(finding, style, several.is_some())),
        );
        sections.extend(style.verbose.then(|| observations(sandbox, style)));
    }
    sections.push(report.notes.join("\n"));
    sections.into_iter().filter(|section| !section.is_empty()).collect::<Vec<_>>().join("\n\n") + "\n"
}

fn head(report: &Report, style: Style) -> String {
    let (word, colour) = match report.verdict {
        Verdict::Ready => ("ready", Color::Green),
        Verdict::ReadyWithWarnings => ("ready, with warnings", Color::Yellow),
        Verdict::NotReady => ("not ready", Color::Red),
        Verdict::Undetermined => ("undetermined", Color::Magenta),
    };
    let environment = &report.environment;
    let only = if report.only_production { ", only what production requires" } else { "" };
    let said =
        [&environment.source].into_iter().chain(&environment.remarks).cloned().collect::<Vec<_>>().join("; ");
    let mut table = table(style);
    let first = format!("podproof: {word}, judged for {}{only} ({said})", environment.environment);
    table.add_row([Cell::new(first).fg(colour)]);
    table.add_row([Cell::new(format!("score: {} of 100", report.score))]);
    trimmed(&table)
}

fn findings(sandbox: &ReportedSandbox, style: Style) -> String {
    let mut table = table(style);
    for finding in &sandbox.findings {
        let (sign, word, colour) = outcome(finding);
        let effect = match (wanting(finding), finding.enforcement) {
            (true, Enforcement::Blocks) => "blocks",
            (true, Enforcement::Warns) => "warns",
            (_, Enforcement::NotJudged) => "not judged",
            _ => "",
        };
        let disguise = if finding.disguise { " (disguise)" } else { "" };
        table.add_row([
            Cell::new(format!("{sign} {word}")).fg(colour),
            Cell::new(finding.id),
            Cell::new(effect),
            Cell::new(format!("{}{disguise}", finding.because)),
        ]);
    }
    trimmed(&table)
}

/// `because` where no list of findings has said it already.
fn detail(finding: &ReportedFinding, style: Style, because: bool) -> String {
    let (sign, word, colour) = outcome(finding);
    let mut table = table(style);
    table.add_row([
        Cell::new(sign).fg(colour),
        Cell::new(format!("{}: {word}", finding.id)),
        Cell::new(finding.title),
    ]);
    if because {
        table.add_row(["", "because", &finding.because]);
    }
    for citation in &finding.evidence {
        table.add_row(["", citation.source, &citation.text]);
    }
    if let Some(remedy) = finding.remedy {
        table.add_row(["", "remedy", remedy]);
    }
    trimmed(&table)
}

fn observations(sandbox: &ReportedSandbox, style: Style) -> String {
    let mut table = table(style);
    for observation in &sandbox.observations {
        table.add_row([observation.observer, &observation.outcome]);
    }
    trimmed(&table)
}

fn outcome(finding: &ReportedFinding) -> (&'static str, &'static str, Color) {
    match finding.outcome {
        ReportedOutcome::Met => ("✔", "met", Color::Green),
        ReportedOutcome::Unmet => ("✘", "unmet", Color::Red),
        ReportedOutcome::Inconclusive => ("?", "inconclusive", Color::Magenta),
        ReportedOutcome::NotApplicable => ("–", "not applicable", Color::Grey),
    }
}

fn wanting(finding: &ReportedFinding) -> bool {
    matches!(finding.outcome, ReportedOutcome::Unmet | ReportedOutcome::Inconclusive)
}

fn table(style: Style) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(style.width);
    if style.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    const PLAIN: Style = Style { width: 100, colour: false, verbose: false };

    #[test]
    fn a_ready_sandbox_reads_like_this() {
        insta::assert_snapshot!(render(&fixture::report(&fixture::gvisor()), PLAIN));
    }

    #[test]
    fn a_shared_kernel_reads_like_this() {
        insta::assert_snapshot!(render(&fixture::report(&fixture::runc()), PLAIN));
    }

    #[test]
    fn a_silent_probe_reads_like_this() {
        insta::assert_snapshot!(render(&fixture::report(&fixture::silent()), Style { width: 80, ..PLAIN }));
    }

    #[test]
    fn colours_come_and_go_with_the_style_and_the_words_stay() {
        let report = fixture::report(&fixture::runc());
        let plain = render(&report, PLAIN);
        let coloured = render(&report, Style { colour: true, ..PLAIN });
        assert!(!plain.contains('\u{1b}') && coloured.contains('\u{1b}'));
        for word in ["not ready", "✘ unmet", "✔ met", "blocks"] {
            assert!(plain.contains(word) && coloured.contains(word), "{word}");
        }
    }

    #[test]
    fn no_line_is_wider_than_asked_for() {
        let style = Style { width: 80, ..PLAIN };
        for case in [fixture::gvisor(), fixture::runc(), fixture::silent()] {
            let text = render(&fixture::report(&case), Style { verbose: true, ..style });
            let notes =
                text.lines().filter(|line| line.starts_with("judged:") || line.starts_with("not enforced"));
            let tables = text.lines().count() - notes.count();
            let narrow = text.lines().filter(|line| line.chars().count() <= 80).count();
            assert!(narrow >= tables, "{text}");
        }
    }
}
