//! The report as JUnit XML: a suite for each sandbox, a case for each requirement.
//!
//! A blocking finding that is unmet is a failure, and one that is inconclusive an error. A warning is a pass with a text. A
//! requirement that was not judged is skipped. So a suite is red exactly where the run is.

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use super::{
    Enforcement, Error, Report, ReportedFinding, ReportedOutcome, ReportedSandbox, ReportedWaiver, Standing,
    head,
};

/// Renders one document, with a line end.
pub(super) fn render(report: &Report) -> Result<String, Error> {
    let name = if report.extent.whole {
        "podproof".to_owned()
    } else {
        format!("podproof: {}", head::verdict(report))
    };
    let mut document = quick_junit::Report::new(name);
    let properties = properties(report);
    document.add_test_suites(report.sandboxes.iter().map(|sandbox| {
        let mut suite = suite(sandbox);
        suite.properties.clone_from(&properties);
        suite
    }));
    if !report.waivers.is_empty() {
        let mut suite = TestSuite::new("waivers");
        suite.add_test_cases(report.waivers.iter().map(waiver));
        document.add_test_suite(suite);
    }
    let text = document.to_string()?;
    Ok(as_others_read_it(&text).trim_end().to_owned() + "\n")
}

/// The common schema (Jenkins's `junit-10.xsd`) counts what was skipped in each suite, and not in the whole document.
fn as_others_read_it(text: &str) -> String {
    let Some((before, counted)) = text.split_once(" skipped=\"") else { return text.to_owned() };
    let (_, after) = counted.split_once('"').unwrap_or_default();
    format!("{before}{after}")
}

/// Returns the verdict and the circumstances of the run, which each suite has.
fn properties(report: &Report) -> Vec<Property> {
    let rows = head::rows(report);
    let verdict = ("verdict", head::verdict(report));
    [verdict].into_iter().chain(rows).map(|(name, value)| Property::new(name, value)).collect()
}

fn suite(sandbox: &ReportedSandbox) -> TestSuite {
    let mut suite = TestSuite::new(sandbox.subject.name());
    suite.add_test_cases(sandbox.findings.iter().map(|finding| case(finding)));
    suite
}

fn case(finding: &ReportedFinding) -> TestCase {
    let failed = |kind| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(&finding.because);
        status.set_type(finding.outcome.word());
        status.set_description(words(finding));
        status
    };
    let status = match (finding.enforcement, finding.is_wanting(), finding.outcome) {
        (Enforcement::Blocks, true, ReportedOutcome::Unmet) => failed(NonSuccessKind::Failure),
        (Enforcement::Blocks, true, _) => failed(NonSuccessKind::Error),
        (Enforcement::NotJudged, ..) | (_, false, ReportedOutcome::NotApplicable) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(&finding.because);
            status
        }
        _ => TestCaseStatus::success(),
    };
    let passed = matches!(status, TestCaseStatus::Success { .. });
    let mut case = TestCase::new(finding.id, status);
    case.set_classname(format!("podproof.{}", finding.area.id()));
    if passed && finding.is_wanting() {
        case.set_system_out(format!("{}: {}", finding.enforcement.id(), words(finding)));
    }
    case
}

fn waiver(waiver: &ReportedWaiver) -> TestCase {
    let what =
        format!("{} waived {} until {}: {}", waiver.owner, waiver.scope, waiver.expires, waiver.reason);
    let mut status = match waiver.standing {
        Standing::Expired => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Standing::Refused | Standing::InForce => TestCaseStatus::success(),
    };
    status.set_message("the waiver has expired: renew it or remove it").set_description(&what);
    let mut case = TestCase::new(format!("{} for {}", waiver.requirement, waiver.scope), status);
    case.set_classname("podproof.waivers");
    if waiver.standing != Standing::Expired {
        case.set_system_out(what);
    }
    case
}

/// Returns reason, evidence and remedies, a line each.
fn words(finding: &ReportedFinding) -> String {
    let disguise = if finding.disguise { " (disguise)" } else { "" };
    let first = format!("{}{disguise}: {}", finding.outcome.word(), finding.because);
    let evidence = finding.evidence.iter().map(|citation| format!("{}: {}", citation.source, citation.text));
    let remedy = finding.fixes().map(|remedy| format!("remedy: {remedy}"));
    [first].into_iter().chain(evidence).chain(remedy).collect::<Vec<_>>().join("\n")
}
