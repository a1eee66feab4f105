//! The evidence of every finding of a sandbox, for `--verbose`.

use comfy_table::Cell;

use super::{Style, colour, table, trimmed};
use crate::report::{ReportedFinding, ReportedSandbox};

/// Renders all findings of a sandbox with their evidence, and the fate of each observation.
pub(super) fn of(sandbox: &ReportedSandbox, style: Style) -> String {
    let mut title = table(style);
    title.add_row([format!("Evidence of {}", sandbox.subject.name())]);
    let represents = sandbox.subject.represents();
    if !represents.is_empty() {
        title.add_row([format!("represents {}", represents.join(", "))]);
    }
    let findings = sandbox.findings.iter().map(|finding| detail(finding, style));
    [trimmed(&title)]
        .into_iter()
        .chain(findings)
        .chain([observations(sandbox, style)])
        .collect::<Vec<_>>()
        .join("\n\n")
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
    format!("{}\n{}", trimmed(&title), trimmed(&table))
}

fn observations(sandbox: &ReportedSandbox, style: Style) -> String {
    let mut table = table(style);
    for observation in &*sandbox.observations {
        table.add_row([observation.observer, &observation.outcome]);
    }
    trimmed(&table)
}
