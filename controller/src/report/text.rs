//! The report for people: what is wanting first, with its reasons and what to do, then a line for each requirement. Beside
//! every colour stand a sign and a word. A note is one line however wide, because commands in it are to be copied.

mod pods;

use comfy_table::{Cell, Color, ContentArrangement, Table, presets::NOTHING};

use super::{Enforcement, Report, ReportedFinding, ReportedOutcome, ReportedSandbox, Verdict};

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
        let title = pods::title(sandbox);
        let is_local = title.is_none();
        sections.extend(title);
        let first = sandbox.findings.iter().filter(|finding| comes_first(finding));
        sections.extend(first.map(|finding| detail(finding, style)));
        if is_local {
            sections.push(lines(sandbox, style));
        }
        if style.verbose {
            let rest = sandbox.findings.iter().filter(|finding| !comes_first(finding));
            sections.extend(rest.map(|finding| detail(finding, style)));
            sections.push(observations(sandbox, style));
        }
    }
    sections.push(waivers(report));
    sections.push(report.notes.join("\n"));
    sections.into_iter().filter(|section| !section.is_empty()).collect::<Vec<_>>().join("\n\n") + "\n"
}

/// What changes nothing is a line among the others.
fn comes_first(finding: &ReportedFinding) -> bool {
    finding.is_wanting() && finding.enforcement != Enforcement::Shown
}

fn head(report: &Report, style: Style) -> String {
    let colour = match report.verdict {
        Verdict::Ready => Color::Green,
        Verdict::ReadyWithWarnings => Color::Yellow,
        Verdict::NotReady => Color::Red,
        Verdict::Undetermined => Color::Magenta,
    };
    let word = report.verdict.words();
    let environment = &report.environment;
    let only = if report.only_production { ", only what production requires" } else { "" };
    let source = &environment.source;
    let said = [source].into_iter().chain(&environment.remarks).cloned().collect::<Vec<_>>().join("; ");
    let mut table = table(style);
    let first = format!("podproof: {word}, judged for {}{only} ({said})", environment.environment);
    table.add_row([Cell::new(first).fg(colour)]);
    table.add_row([Cell::new(format!("score: {} of 100", report.score))]);
    trimmed(&table)
}

/// A line for each requirement, under its area; a reason that does not fit is cut, and stands whole above or with
/// `--verbose`.
fn lines(sandbox: &ReportedSandbox, style: Style) -> String {
    let mut findings: Vec<_> = sandbox.findings.iter().collect();
    findings.sort_by_key(|finding| finding.area);
    let widest = |of: &dyn Fn(&ReportedFinding) -> usize| findings.iter().map(|it| of(it)).max().unwrap_or(0);
    let first = widest(&|it| (word(it).len() + 4).max(it.area.id().len()));
    let taken = first + widest(&|it| it.id.len());
    // Each of the three columns has a space on both sides.
    let left = usize::from(style.width).saturating_sub(taken + 6);
    let mut table = table(style);
    let mut area = None;
    for finding in findings {
        if area != Some(finding.area) {
            area = Some(finding.area);
            table.add_row([finding.area.id()]);
        }
        table.add_row([
            Cell::new(format!("  {} {}", finding.outcome.sign(), word(finding))).fg(colour(finding)),
            Cell::new(finding.id),
            Cell::new(cut(&reason(finding), left)),
        ]);
    }
    trimmed(&table)
}

fn word(finding: &ReportedFinding) -> &'static str {
    match finding.enforcement {
        Enforcement::NotJudged => Enforcement::NotJudged.id(),
        _ => finding.outcome.word(),
    }
}

/// Why, and what it does to the verdict where that is not to block it.
fn reason(finding: &ReportedFinding) -> String {
    match (finding.is_wanting(), finding.enforcement) {
        (false, Enforcement::NotJudged) => "production judges it".to_owned(),
        (true, enforcement) if enforcement != Enforcement::Blocks => {
            format!("{}: {}", enforcement.id(), finding.because)
        }
        _ => finding.because.clone(),
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).collect::<String>().trim_end().to_owned() + "…"
}

fn detail(finding: &ReportedFinding, style: Style) -> String {
    let effect = if finding.is_wanting() { format!(", {}", finding.enforcement.id()) } else { String::new() };
    let disguise = if finding.disguise { " (disguise)" } else { "" };
    let (sign, word) = (finding.outcome.sign(), finding.outcome.word());
    let mut title = table(style);
    let named = format!("{}: {word}{effect}", finding.id);
    title.add_row([Cell::new(sign).fg(colour(finding)), Cell::new(named).fg(colour(finding))]);
    title.add_row(["", finding.title]);
    let mut table = table(style);
    table.add_row([Cell::new("   because"), Cell::new(format!("{}{disguise}", finding.because))]);
    for citation in &finding.evidence {
        table.add_row([Cell::new(format!("   {}", citation.source)), Cell::new(&citation.text)]);
    }
    if let Some(remedy) = finding.remedy {
        table.add_row(["   remedy", remedy]);
    }
    format!("{}\n{}", trimmed(&title), trimmed(&table))
}

fn waivers(report: &Report) -> String {
    let line = |waiver: &super::ReportedWaiver| {
        format!(
            "waiver of {}, {}: {}; {} until {}: {}",
            waiver.requirement,
            waiver.scope,
            waiver.standing(),
            waiver.owner,
            waiver.expires,
            waiver.reason
        )
    };
    report.waivers.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn observations(sandbox: &ReportedSandbox, style: Style) -> String {
    let mut table = table(style);
    for observation in &sandbox.observations {
        table.add_row([observation.observer, &observation.outcome]);
    }
    trimmed(&table)
}

const fn colour(finding: &ReportedFinding) -> Color {
    match finding.outcome {
        ReportedOutcome::Met => Color::Green,
        ReportedOutcome::Unmet => Color::Red,
        ReportedOutcome::Inconclusive => Color::Magenta,
        ReportedOutcome::NotApplicable => Color::Grey,
    }
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

    const PLAIN: Style = Style { width: 80, colour: false, verbose: false };

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
        insta::assert_snapshot!(render(&fixture::report(&fixture::silent()), PLAIN));
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
        for case in [fixture::gvisor(), fixture::runc(), fixture::silent(), fixture::pod()] {
            for verbose in [false, true] {
                let report = fixture::report(&case);
                let text = render(&report, Style { verbose, ..PLAIN });
                let wide = text.lines().find(|line| {
                    line.chars().count() > 80
                        && !line.starts_with("pool ")
                        && !report.notes.iter().any(|note| note == line)
                });
                assert_eq!(wide, None, "{text}");
            }
        }
    }

    #[test]
    fn what_is_wanting_comes_first_with_its_reason_and_a_remedy() {
        let text = render(&fixture::report(&fixture::runc()), PLAIN);
        let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("no {words} in {text}"));
        assert!(place("runtime-isolation: unmet, blocks") < place("✔ met"));
        assert!(place("because") < place("vdso-image") && place("vdso-image") < place("remedy"));
        assert!(text.contains("--runtime runsc"), "{text}");
    }
}
