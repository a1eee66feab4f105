//! The report as SARIF 2.1.0, for code scanning: a result for each gap in each sandbox.
//!
//! GitHub refuses a whole file for one result without a physical location (github/codeql-action#1738), so every result has
//! one: the policy file, as seen from the repository. An inconclusive finding keeps the kind "fail": SARIF would
//! demand the level "none" for any other kind (3.27.9), which viewers hide.

use std::collections::BTreeMap;

use serde_json::json;
use serde_sarif::sarif::{
    ArtifactLocation, Location, LogicalLocation, Message, MultiformatMessageString, PhysicalLocation,
    PropertyBag, Region, ReportingDescriptor, Result, ResultLevel, Run, SCHEMA_URL, Sarif, Suppression, Tool,
    ToolComponent,
};

use super::{
    Enforcement, Error, Report, ReportedFinding, ReportedSandbox, ReportedWaiver, Standing, Subject, head,
};
use crate::support::digest::sha256;

/// The rule of a waiver whose last day is over.
const EXPIRED: &str = "waiver-expired";

/// One document, with a line end.
pub(super) fn render(report: &Report) -> std::result::Result<String, Error> {
    let driver = ToolComponent::builder()
        .name("podproof")
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .rules(rules(report))
        .build();
    let properties: BTreeMap<_, _> = [
        ("verdict".to_owned(), json!(report.verdict)),
        ("extent".to_owned(), json!(report.extent)),
        ("scope".to_owned(), json!(head::verdict(report))),
        ("environment".to_owned(), json!(report.environment.environment)),
        ("run".to_owned(), json!(report.run)),
    ]
    .into();
    let run = Run::builder()
        .tool(Tool::builder().driver(driver).build())
        .results(results(report))
        .properties(PropertyBag::builder().additional_properties(properties).build())
        .build();
    let document = Sarif::builder().schema(SCHEMA_URL).version(json!("2.1.0")).runs(vec![run]).build();
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn rules(report: &Report) -> Vec<ReportingDescriptor> {
    let findings = report.sandboxes.iter().flat_map(|sandbox| &sandbox.findings);
    let mut rules: BTreeMap<&str, ReportingDescriptor> = BTreeMap::new();
    for finding in findings.filter(|finding| finding.is_wanting()) {
        let help = format!("{} {}", finding.protects, finding.remedy.unwrap_or_default());
        rules.entry(finding.id).or_insert_with(|| rule(finding.id, finding.title, help.trim()));
    }
    if report.expired_waivers().next().is_some() {
        let help = "Renew the waiver in the policy file, or remove it.";
        rules.insert(EXPIRED, rule(EXPIRED, "No waiver has outlived its last day", help));
    }
    rules.into_values().collect()
}

fn rule(id: &str, title: &str, help: &str) -> ReportingDescriptor {
    let text = |text: &str| MultiformatMessageString::builder().text(text).build();
    ReportingDescriptor::builder()
        .id(id)
        .name(id)
        .short_description(text(title))
        .full_description(text(help))
        .help(text(help))
        .build()
}

fn results(report: &Report) -> Vec<Result> {
    let of = |sandbox| wanting(report, sandbox);
    let expired = report.expired_waivers().map(|waiver| {
        Result::builder()
            .rule_id(EXPIRED)
            .level(ResultLevel::Error)
            .message(message(&waiver.expiry()))
            .locations(vec![location(report, waiver.line, &waiver.scope)])
            .partial_fingerprints(fingerprint(EXPIRED, &format!("{}\n{}", waiver.requirement, waiver.scope)))
            .build()
    });
    report.sandboxes.iter().flat_map(of).chain(expired).collect()
}

fn wanting(report: &Report, sandbox: &ReportedSandbox) -> Vec<Result> {
    let name = sandbox.subject.name();
    let result = |finding: &ReportedFinding| {
        let granted = waivers(report, finding, &sandbox.subject);
        let line = granted.first().map_or(1, |waiver| waiver.line);
        let mut result = Result::builder()
            .rule_id(finding.id)
            .level(level(finding.enforcement))
            .message(message(&words(finding, &name)))
            .locations(vec![location(report, line, &name)])
            .partial_fingerprints(fingerprint(finding.id, &name))
            .build();
        let suppression = |waiver: &&ReportedWaiver| {
            Suppression::builder()
                .kind("external")
                .status(json!("accepted"))
                .justification(format!("{} (until {}): {}", waiver.owner, waiver.expires, waiver.reason))
                .build()
        };
        if !granted.is_empty() {
            result.suppressions = Some(granted.iter().map(suppression).collect());
        }
        result
    };
    sandbox.findings.iter().map(AsRef::as_ref).filter(|it| it.is_wanting()).map(result).collect()
}

/// Returns the waivers because of which a finding does not block.
fn waivers<'a>(report: &'a Report, finding: &ReportedFinding, subject: &Subject) -> Vec<&'a ReportedWaiver> {
    if finding.enforcement != Enforcement::Waived {
        return Vec::new();
    }
    let of_it = |waiver: &&ReportedWaiver| {
        waiver.requirement == finding.id && waiver.standing == Standing::InForce && waiver.covers(subject)
    };
    report.waivers.iter().filter(of_it).collect()
}

const fn level(enforcement: Enforcement) -> ResultLevel {
    match enforcement {
        Enforcement::Blocks => ResultLevel::Error,
        Enforcement::Waived | Enforcement::Warns => ResultLevel::Warning,
        Enforcement::Shown | Enforcement::NotJudged => ResultLevel::Note,
    }
}

/// Returns a message in which no text is taken for an embedded link, `[text](target)` (SARIF 2.1.0, 3.11.6).
fn message(text: &str) -> Message {
    Message::builder().text(text.replace("](", "\\](")).build()
}

fn words(finding: &ReportedFinding, name: &str) -> String {
    let evidence = finding.evidence.iter().map(|it| format!("{}: {}", it.source, it.text));
    let evidence = evidence.collect::<Vec<_>>().join("\n");
    let remedy = finding.fixes().collect::<Vec<_>>().join("\n");
    format!("{} in {name}: {}\n{evidence}\n{remedy}", finding.outcome.word(), finding.because)
}

fn location(report: &Report, line: usize, logical: &str) -> Location {
    let line = i64::try_from(line.max(1)).unwrap_or(1);
    Location::builder()
        .physical_location(
            PhysicalLocation::builder()
                .artifact_location(ArtifactLocation::builder().uri(report.policy_path()).build())
                .region(Region::builder().start_line(line).build())
                .build(),
        )
        .logical_locations(vec![LogicalLocation::builder().fully_qualified_name(logical).build()])
        .build()
}

/// Returns the fingerprint, which tells a viewer that a result of the next run is the same.
fn fingerprint(rule: &str, name: &str) -> BTreeMap<String, String> {
    [("podproof/v1".to_owned(), sha256(format!("{rule}\n{name}").as_bytes()))].into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;
    use crate::{fixture, report::ReportedOutcome};

    /// Returns a report on pods of the fixture's namespace, with a waiver of one requirement for each scope.
    fn report(standing: Standing, scopes: &[&str]) -> Report {
        let mut report = fixture::report(&fixture::pod());
        let of_it = report.sandboxes[0].findings.iter_mut().filter(|finding| finding.id == "least-privilege");
        of_it.map(Arc::make_mut).for_each(|finding| {
            finding.outcome = ReportedOutcome::Unmet;
            finding.enforcement = Enforcement::Waived;
        });
        report.waivers = scopes
            .iter()
            .zip(1..)
            .map(|(scope, line)| ReportedWaiver {
                requirement: "least-privilege",
                scope: (*scope).to_owned(),
                owner: format!("the owner for {scope}"),
                reason: String::new(),
                expires: "2027-01-31".to_owned(),
                standing,
                needed: true,
                line,
            })
            .collect();
        report
    }

    fn results(report: &Report, rule: &str) -> Vec<Value> {
        let document: Value = serde_json::from_str(&render(report).unwrap()).unwrap();
        let results = document["runs"][0]["results"].as_array().unwrap().iter();
        results.filter(|result| result["ruleId"] == rule).cloned().collect()
    }

    #[test]
    fn a_result_names_the_waiver_of_its_own_place_alone() {
        let namespace = report(Standing::InForce, &[]).sandboxes[0].subject.namespace().unwrap().to_owned();
        let own = format!("namespace/{namespace}");
        let results =
            results(&report(Standing::InForce, &["namespace/other", "local", &own]), "least-privilege");
        let suppressions = results[0]["suppressions"].as_array().unwrap();
        assert_eq!(suppressions.len(), 1, "{suppressions:?}");
        let words = suppressions[0]["justification"].as_str().unwrap();
        assert!(words.starts_with(&format!("the owner for {own}")), "{words}");
        let region = &results[0]["locations"][0]["physicalLocation"]["region"];
        assert_eq!(region["startLine"], 3);
    }

    #[test]
    fn expired_waivers_of_two_scopes_are_two_results_of_the_next_run() {
        let results = results(&report(Standing::Expired, &["namespace/other", "namespace/shop"]), EXPIRED);
        assert_eq!(results.len(), 2);
        assert_ne!(results[0]["partialFingerprints"], results[1]["partialFingerprints"]);
    }
}
