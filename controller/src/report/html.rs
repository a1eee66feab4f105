//! The report as one page that needs nothing else: no script, no font, no picture from elsewhere.

use askama::Template;

use super::{
    Area, Error, Report, ReportedFinding, ReportedOutcome, ReportedSandbox, Verdict, matrix::Matrix,
};

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    matrix: Matrix<'a>,
}

/// One document, with a line end.
pub(super) fn render(report: &Report) -> Result<String, Error> {
    let page = Page { report, matrix: Matrix::of(report) };
    Ok(page.render()?.trim_end().to_owned() + "\n")
}

impl Page<'_> {
    /// The class of the style sheet, which never says anything that a word beside it does not.
    const fn tone(&self) -> &'static str {
        match self.report.verdict {
            Verdict::Ready => "met",
            Verdict::ReadyWithWarnings => "warned",
            Verdict::NotReady => "unmet",
            Verdict::Undetermined => "inconclusive",
        }
    }

    const fn sign(&self) -> &'static str {
        match self.report.verdict {
            Verdict::Ready => "✔",
            Verdict::ReadyWithWarnings => "!",
            Verdict::NotReady => "✘",
            Verdict::Undetermined => "?",
        }
    }
}

/// The class of a finding's words.
const fn tone(finding: &ReportedFinding) -> &'static str {
    match finding.outcome {
        ReportedOutcome::Met => "met",
        ReportedOutcome::Unmet => "unmet",
        ReportedOutcome::Inconclusive => "inconclusive",
        ReportedOutcome::NotApplicable => "idle",
    }
}

/// A sandbox's findings by area, in the areas' order.
fn by_area(sandbox: &ReportedSandbox) -> Vec<(Area, Vec<&ReportedFinding>)> {
    let mut areas: Vec<Area> = sandbox.findings.iter().map(|finding| finding.area).collect();
    areas.sort_unstable();
    areas.dedup();
    let of = |area| sandbox.findings.iter().filter(|finding| finding.area == area).collect();
    areas.into_iter().map(|area| (area, of(area))).collect()
}
