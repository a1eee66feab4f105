//! The report as Markdown, for a comment or a step's summary: the verdict, a matrix, and what is wanting.

use super::{Report, ReportedFinding, ReportedSandbox, matrix::Matrix};

/// The whole report.
pub fn render(report: &Report) -> String {
    let environment = &report.environment;
    let mut sections = vec![
        format!("## podproof: {}", report.verdict.words()),
        format!(
            "Judged for **{}** ({}), score {} of 100.",
            environment.environment,
            escaped(&environment.source),
            report.score
        ),
        table(report),
    ];
    sections.extend(report.sandboxes.iter().filter_map(wanting));
    sections.extend(waivers(report));
    let remarks = environment.remarks.iter().chain(&report.notes);
    sections.push(remarks.map(|note| format!("- {}", escaped(note))).collect::<Vec<_>>().join("\n"));
    sections.into_iter().filter(|section| !section.is_empty()).collect::<Vec<_>>().join("\n\n") + "\n"
}

fn table(report: &Report) -> String {
    let matrix = Matrix::of(report);
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let head = ["requirement".to_owned()].into_iter().chain(matrix.columns.iter().map(|it| escaped(it)));
    let rule = "|---".repeat(matrix.columns.len() + 1) + "|";
    let rows = matrix.rows.iter().map(|row| {
        let cells = row.cells.iter().map(|cell| cell.map(in_a_cell).unwrap_or_default());
        line([row.id.to_owned()].into_iter().chain(cells).collect())
    });
    [line(head.collect()), rule].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

fn in_a_cell(finding: &ReportedFinding) -> String {
    let effect = if finding.is_wanting() { format!(", {}", finding.enforcement.id()) } else { String::new() };
    format!("{} {}{effect}", finding.outcome.sign(), finding.outcome.word())
}

fn wanting(sandbox: &ReportedSandbox) -> Option<String> {
    let items: Vec<_> = sandbox
        .findings
        .iter()
        .filter(|finding| finding.is_wanting())
        .map(|finding| {
            let mut lines = vec![format!(
                "- **{}** ({}, {}): {}",
                finding.id,
                finding.outcome.word(),
                finding.enforcement.id(),
                escaped(&finding.because)
            )];
            let evidence = finding.evidence.iter();
            lines.extend(evidence.map(|it| format!("  - {}: {}", it.source, escaped(&it.text))));
            lines.extend(finding.remedy.map(|remedy| format!("  - remedy: {}", escaped(remedy))));
            lines.join("\n")
        })
        .collect();
    (!items.is_empty()).then(|| format!("### {}\n\n{}", escaped(&sandbox.subject.name()), items.join("\n")))
}

fn waivers(report: &Report) -> Option<String> {
    let items: Vec<_> = report
        .waivers
        .iter()
        .map(|waiver| {
            format!(
                "- **{}**, {}, {}: {} ({}, until {})",
                waiver.requirement,
                escaped(&waiver.scope),
                waiver.standing(),
                escaped(&waiver.reason),
                escaped(&waiver.owner),
                waiver.expires
            )
        })
        .collect();
    (!items.is_empty()).then(|| format!("### Waivers\n\n{}", items.join("\n")))
}

/// Nothing of what was observed is taken for markup (spec.commonmark.org, "Backslash escapes").
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '@' | '!' => {
                safe.push('\\');
                safe.push(character);
            }
            '\n' | '\r' => safe.push(' '),
            _ => safe.push(character),
        }
    }
    safe
}
