//! The requirements that neither block nor warn in the only sandbox of a run, a line each.

use comfy_table::Cell;

use super::{Style, colour, table, trimmed};
use crate::report::{Enforcement, ReportedFinding, ReportedOutcome, ReportedSandbox, gaps};

/// Renders a line for each requirement, under its area. The reason of a met requirement is left out where it does not fit;
/// any other reason goes to the next line.
pub(super) fn rest(sandbox: &ReportedSandbox, style: Style) -> String {
    let mut findings: Vec<_> = sandbox.findings.iter().filter(|it| !gaps::holds_back(it)).collect();
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
        let reason = reason(finding);
        let fits = finding.outcome != ReportedOutcome::Met || reason.chars().count() <= left;
        table.add_row([
            Cell::new(format!("  {} {}", finding.outcome.sign(), word(finding))).fg(colour(finding)),
            Cell::new(finding.id),
            Cell::new(if fits { reason } else { String::new() }),
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

/// Returns the reason, after the effect on the verdict where there is none.
fn reason(finding: &ReportedFinding) -> String {
    match (finding.is_wanting(), finding.enforcement) {
        (false, Enforcement::NotJudged) => "left out; no effect on the verdict".to_owned(),
        (true, enforcement) => format!("{}: {}", enforcement.id(), finding.because),
        (false, _) => finding.because.clone(),
    }
}
