//! The report as Markdown, for a comment or a step's summary, in the order of the terminal's report.

use super::{
    Report, ReportedFinding,
    gaps::{self, Gap},
    head,
    matrix::Matrix,
};

/// Reasons of a requirement that are written before the rest is counted.
const REASONS: usize = 3;
/// The form that tells more.
const DETAIL: &str = "`--output html=report.html` for a page";
/// Pools with differing outcomes that the table has.
const MOST_COLUMNS: usize = 8;
/// Notes, probes and parts that were not judged that are listed before the rest is counted.
const LISTED: usize = 20;

/// Renders the whole report.
pub fn render(report: &Report) -> String {
    let verdict = escaped(&head::verdict(report));
    let mut sections = vec![format!("## podproof: {} {verdict}", report.verdict.sign())];
    let gaps = Gap::of(report);
    let mut rows = head::rows(report);
    rows.extend(head::summary(report, &gaps, DETAIL));
    sections.push(pairs(&rows));
    sections.extend(gaps.iter().map(gap));
    let limits = head::limits(report, LISTED);
    sections.push(limits.iter().map(|(name, value)| row(name, value)).collect::<Vec<_>>().join("\n"));
    sections.push(table(report));
    let probes: Vec<_> = report.sandboxes.iter().filter_map(gaps::place).collect();
    sections.push(listed("### Probes", &probes));
    sections.extend(waivers(report));
    sections.push(listed("### Notes", &report.remarks().cloned().collect::<Vec<_>>()));
    sections.into_iter().filter(|section| !section.is_empty()).collect::<Vec<_>>().join("\n\n") + "\n"
}

fn pairs(rows: &[(&'static str, String)]) -> String {
    let rows = rows.iter().map(|(name, value)| format!("| {name} | {} |", marked(value)));
    ["| | |".to_owned(), "|---|---|".to_owned()].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

fn gap(gap: &Gap<'_>) -> String {
    let finding = gap.finding;
    let title = format!("### {} {}: {}, {}", finding.outcome.sign(), finding.id, gap.outcome(), gap.effect());
    let rows = gap.rows(REASONS);
    let rows = rows.iter().map(|(name, value)| row(name, value)).collect::<Vec<_>>().join("\n");
    format!("{title}\n\n{}.\n\n{rows}", escaped(finding.title))
}

fn row(name: &str, value: &str) -> String {
    format!("- {name}: {}", marked(value))
}

fn listed(title: &str, texts: &[String]) -> String {
    if texts.is_empty() {
        return String::new();
    }
    let items = head::counted(texts, LISTED, head::IN_JSON)
        .iter()
        .map(|text| format!("- {}", marked(text)))
        .collect::<Vec<_>>();
    format!("{title}\n\n{}", items.join("\n"))
}

fn table(report: &Report) -> String {
    let matrix = Matrix::of(report);
    let differing = matrix.differing(MOST_COLUMNS);
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let heads = differing.shown.iter().map(|(_, pool, more)| match more {
        0 => escaped(pool),
        more => format!("{} and {more} more", escaped(pool)),
    });
    let head = ["requirement".to_owned()].into_iter().chain(heads);
    let rule = "|---".repeat(differing.shown.len() + 1) + "|";
    let rows = matrix.rows.iter().map(|row| {
        let cell =
            |column: usize| row.cells.get(column).copied().flatten().map(in_a_cell).unwrap_or_default();
        let cells = differing.shown.iter().map(|(column, ..)| cell(*column));
        line([row.id.to_owned()].into_iter().chain(cells).collect())
    });
    let table = [line(head.collect()), rule].into_iter().chain(rows).collect::<Vec<_>>().join("\n");
    match differing.left {
        0 => table,
        left => {
            format!("{table}\n\n{left} more pools have other outcomes; `--output html=report.html` has all.")
        }
    }
}

fn in_a_cell(finding: &ReportedFinding) -> String {
    let effect = if finding.is_wanting() { format!(", {}", finding.enforcement.id()) } else { String::new() };
    format!("{} {}{effect}", finding.outcome.sign(), finding.outcome.word())
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

/// Escapes a text, and keeps words in backticks as code. Backticks that do not pair one by one are escaped too, because
/// their rest would be markup.
fn marked(text: &str) -> String {
    let parts: Vec<_> = text.split('`').collect();
    let code = || parts.iter().skip(1).step_by(2);
    if parts.len() % 2 == 0 || code().any(|part| part.trim().is_empty() || part.contains(['|', '\n', '\r'])) {
        return escaped(text);
    }
    let part = |(number, part): (usize, &&str)| {
        if number % 2 == 0 { escaped(part) } else { format!("`{part}`") }
    };
    parts.iter().enumerate().map(part).collect()
}

/// Escapes a text, so that no observation is taken for markup (spec.commonmark.org, "Backslash escapes"), and no address for a link
/// (github.github.com/gfm, "Autolinks (extension)").
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let is_markup = match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '@' | '!' => true,
            ':' => rest.as_str().starts_with("//"),
            '.' => {
                safe.get(safe.len().saturating_sub(3)..).is_some_and(|it| it.eq_ignore_ascii_case("www"))
                    || is_number(&safe)
            }
            // The beginning of a list, a rule or a heading.
            '-' | '+' | '=' => safe.is_empty(),
            ')' => is_number(&safe),
            _ => false,
        };
        match character {
            '\n' | '\r' => safe.push(' '),
            _ if is_markup => safe.extend(['\\', character]),
            _ => safe.push(character),
        }
    }
    safe
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stay_code() {
        assert_eq!(marked("run `runsc --network=none` *now*"), "run `runsc --network=none` \\*now\\*");
    }

    #[test]
    fn an_address_is_no_link() {
        assert_eq!(escaped("https://a.example, WWW.b.example:80"), "https\\://a.example, WWW\\.b.example:80");
    }

    #[test]
    fn a_text_begins_no_list() {
        assert_eq!(escaped("- a - b"), "\\- a - b");
        assert_eq!(escaped("1. a 2. b"), "1\\. a 2. b");
    }

    #[test]
    fn backticks_that_do_not_pair_are_escaped() {
        for text in ["` <b>", "``` <b> ` x", "`a|b`", "`` <b> ``", "a `` b"] {
            assert_eq!(marked(text), escaped(text), "{text}");
        }
    }
}
