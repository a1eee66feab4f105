//! The report in the Test Anything Protocol, version 13: a test for each requirement of each sandbox, and one for the verdict.
//!
//! A test fails exactly where the requirement blocks, so that a harness ends as the run ends. The YAML block of a test has the
//! outcome, the reason and the fixes (testanything.org, "TAP version 13 specification"). Consumers read a part of YAML, and Perl's
//! reads no JSON but strings: the block has a key or an item in each line (`TAP::Parser::YAMLish::Reader`).

use serde_json::{Value, json};

use super::{Enforcement, Report, ReportedFinding, ReportedOutcome, Standing, head};

/// One test of the document.
struct Test {
    passed: bool,
    name: String,
    /// Why the test was left out; `None` for a test that counts.
    skipped: Option<String>,
    /// The details beside a test that failed or warns; `None` for others.
    block: Option<Vec<(&'static str, Value)>>,
}

/// Renders one document, with a line end.
pub(super) fn render(report: &Report) -> String {
    let verdict = Test {
        passed: report.verdict.passes(),
        name: format!("verdict: {}", head::verdict(report)),
        skipped: None,
        block: Some(head::rows(report).into_iter().map(|(name, value)| (name, json!(value))).collect()),
    };
    let waivers = report.waivers.iter().map(|waiver| Test {
        passed: waiver.standing != Standing::Expired,
        name: format!("waiver of {} for {} until {}", waiver.requirement, waiver.scope, waiver.expires),
        skipped: None,
        block: None,
    });
    let findings = report.sandboxes.iter().flat_map(|sandbox| {
        let place = sandbox.subject.name();
        sandbox.findings.iter().map(move |finding| test(finding, &place))
    });
    let tests: Vec<_> = [verdict].into_iter().chain(waivers).chain(findings).collect();
    let mut lines = vec!["TAP version 13".to_owned(), format!("1..{}", tests.len())];
    for (index, test) in tests.iter().enumerate() {
        lines.push(line(index + 1, test));
        if let Some(block) = &test.block {
            lines.push("  ---".to_owned());
            lines.extend(block.iter().flat_map(|(name, value)| entry(name, value)));
            lines.push("  ...".to_owned());
        }
    }
    lines.join("\n") + "\n"
}

fn test(finding: &ReportedFinding, place: &str) -> Test {
    let wanting = finding.is_wanting();
    let skipped = finding.enforcement == Enforcement::NotJudged
        || !wanting && finding.outcome == ReportedOutcome::NotApplicable;
    Test {
        passed: !(wanting && finding.enforcement == Enforcement::Blocks),
        name: format!("{} in {place}: {}", finding.id, finding.title),
        skipped: skipped.then(|| finding.because.clone()),
        block: (wanting && !skipped).then(|| block(finding)),
    }
}

fn block(finding: &ReportedFinding) -> Vec<(&'static str, Value)> {
    vec![
        ("outcome", json!(finding.outcome)),
        ("effect", json!(finding.enforcement)),
        ("disguise", json!(finding.disguise)),
        ("message", json!(finding.because)),
        ("fixes", json!(finding.fixes().collect::<Vec<_>>())),
    ]
}

/// Returns the lines of one key. A string is quoted as in JSON, which YAML reads alike.
fn entry(name: &str, value: &Value) -> Vec<String> {
    match value.as_array() {
        Some(items) if items.is_empty() => Vec::new(),
        Some(items) => {
            let items = items.iter().map(|item| format!("    - {item}"));
            [format!("  {name}:")].into_iter().chain(items).collect()
        }
        None => vec![format!("  {name}: {value}")],
    }
}

fn line(number: usize, test: &Test) -> String {
    let ok = if test.passed { "ok" } else { "not ok" };
    let skipped = test.skipped.as_ref().map(|why| format!(" # SKIP {}", escaped(why))).unwrap_or_default();
    format!("{ok} {number} - {}{skipped}", escaped(&test.name))
}

/// Escapes the sign that begins a directive.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('#', "\\#")
}
