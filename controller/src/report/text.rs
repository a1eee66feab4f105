//! The report for people at a terminal. The first screen answers: verdict, circumstances, then each requirement that blocks
//! with reason, place and fix in full, then the warnings, then the limits of the check. Beside every colour stand a sign and
//! a word.

mod detail;
mod gaps;
mod lines;
mod pods;

use comfy_table::{Cell, Color, ContentArrangement, Table, presets::NOTHING};

use super::{Report, ReportedFinding, ReportedOutcome, ReportedWaiver, Verdict, gaps::Gap, head};

/// Lines that a report has at most, unless `--verbose` asks for everything.
const MOST_LINES: usize = 200;
/// The flags that tell more.
const DETAIL: &str = "`--verbose` for all evidence; `--output html=report.html` for a page";
/// Notes, and parts that were not judged, that are listed before the rest is counted.
const LISTED: usize = 8;

/// The terminal's properties, and the user's wish for detail.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The width in columns.
    pub width: u16,
    /// True if colours are written.
    pub colour: bool,
    /// True if the evidence of every finding is written.
    pub verbose: bool,
}

/// Renders the whole report.
pub fn render(report: &Report, style: Style) -> String {
    let gaps = Gap::of(report);
    let mut after = vec![pairs(&head::limits(report, style.listed()), style)];
    after.push(match report.sandboxes.as_slice() {
        [one] => lines::rest(one, style),
        _ => pods::matrix(report, style),
    });
    after.push(pods::probes(report, style));
    after.push(waivers(report));
    after.push(
        head::counted(&report.remarks().cloned().collect::<Vec<_>>(), style.listed(), head::IN_JSON)
            .join("\n"),
    );
    let head = head(report, &gaps, style);
    let taken = head.lines().count() + joined(&after).lines().count() + 2;
    let room = if style.verbose { usize::MAX } else { MOST_LINES.saturating_sub(taken) };
    let mut sections = vec![head];
    sections.extend(gaps::render(&gaps, style, room));
    sections.extend(after);
    if style.verbose {
        sections.extend(report.sandboxes.iter().map(|sandbox| detail::of(sandbox, style)));
    }
    joined(&sections)
}

fn joined(sections: &[String]) -> String {
    let there = sections.iter().filter(|section| !section.is_empty());
    there.map(String::as_str).collect::<Vec<_>>().join("\n\n") + "\n"
}

fn head(report: &Report, gaps: &[Gap<'_>], style: Style) -> String {
    let colour = match report.verdict {
        Verdict::Ready => Color::Green,
        Verdict::ReadyWithWarnings => Color::Yellow,
        Verdict::NotReady => Color::Red,
        Verdict::Undetermined => Color::Magenta,
    };
    let mut title = table(style);
    let verdict = format!("podproof: {}", head::verdict(report));
    title.add_row([Cell::new(report.verdict.sign()).fg(colour), Cell::new(verdict).fg(colour)]);
    let mut rows = head::rows(report);
    rows.extend(head::summary(report, gaps, DETAIL));
    format!("{}\n{}", trimmed(&title), pairs(&rows, style))
}

/// Renders names and values, a name once for the values that follow each other.
fn pairs(rows: &[(&str, String)], style: Style) -> String {
    let mut table = table(style);
    let mut before = "";
    for (name, value) in rows {
        let shown = if *name == before { String::new() } else { format!("  {name}") };
        table.add_row([Cell::new(shown), Cell::new(value)]);
        before = name;
    }
    trimmed(&table)
}

fn waivers(report: &Report) -> String {
    let line = |waiver: &ReportedWaiver| {
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

impl Style {
    const fn listed(self) -> usize {
        if self.verbose { usize::MAX } else { LISTED }
    }
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
mod tests;
