//! The report as objects of a cluster, one for a namespace and pool: `Report` of openreports.io (openreports/reports-api,
//! `apis/openreports.io/v1alpha1`), and `PolicyReport` of wgpolicyk8s.io/v1alpha2, from which the former comes.
//!
//! An object has one result for each requirement, the worst of its pool, so that no number of nodes makes the object grow. A run
//! on one machine has no namespace, and becomes an object of the cluster.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Enforcement, Error, Report, ReportedFinding, ReportedOutcome, Run, Verdict, head, matrix::Matrix,
};
use crate::support::digest::sha256;

const SOURCE: &str = "podproof";
/// The longest readable part of a name; with the rest, a name stays below the 63 characters of a label.
const READABLE: usize = 40;
/// The digits of a pool's digest, which tells pools apart whose readable parts are alike.
const DIGITS: usize = 8;

/// A kind of report object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Api {
    /// The API `openreports.io/v1alpha1`.
    OpenReports,
    /// The API `wgpolicyk8s.io/v1alpha2`.
    PolicyReports,
}

/// Renders a list of objects, with a line end.
pub(super) fn render(report: &Report, api: Api) -> Result<String, Error> {
    let matrix = Matrix::of(report);
    let namespace = report.sandboxes.first().and_then(|sandbox| sandbox.subject.namespace());
    let pools = matrix.columns.iter().enumerate();
    let items: Vec<_> =
        pools.map(|(at, pool)| object(report, api, (namespace, pool), &findings(&matrix, at))).collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    Ok(serde_json::to_string_pretty(&list)? + "\n")
}

fn findings<'a>(matrix: &Matrix<'a>, column: usize) -> Vec<&'a ReportedFinding> {
    matrix.rows.iter().filter_map(|row| row.cells.get(column).copied().flatten()).collect()
}

fn object(
    report: &Report,
    api: Api,
    (namespace, pool): (Option<&str>, &str),
    findings: &[&ReportedFinding],
) -> Value {
    let (version, kind) = match (api, namespace) {
        (Api::OpenReports, Some(_)) => ("openreports.io/v1alpha1", "Report"),
        (Api::OpenReports, None) => ("openreports.io/v1alpha1", "ClusterReport"),
        (Api::PolicyReports, Some(_)) => ("wgpolicyk8s.io/v1alpha2", "PolicyReport"),
        (Api::PolicyReports, None) => ("wgpolicyk8s.io/v1alpha2", "ClusterPolicyReport"),
    };
    let mut summary: BTreeMap<_, _> = ["pass", "fail", "warn", "error", "skip"].map(|it| (it, 0)).into();
    for word in findings.iter().map(|finding| result(finding)).chain([verdict(report.verdict)]) {
        *summary.entry(word).or_default() += 1;
    }
    let mut metadata = json!({
        "name": name(namespace.map_or_else(|| head::place(report), |_| pool.to_owned()).as_str()),
        "labels": { "app.kubernetes.io/managed-by": SOURCE },
        "annotations": {
            "podproof/pool": pool,
            "podproof/verdict": report.headline(),
            "podproof/run": head::time(report),
        },
    });
    if let (Some(namespace), Some(fields)) = (namespace, metadata.as_object_mut()) {
        fields.insert("namespace".into(), json!(namespace));
    }
    let results = findings.iter().map(|finding| entry(report, finding));
    let results: Vec<_> = [whole(report)].into_iter().chain(results).collect();
    let mut object = json!({
        "apiVersion": version,
        "kind": kind,
        "metadata": metadata,
        "summary": summary,
        "results": results,
    });
    if let (Api::OpenReports, Some(fields)) = (api, object.as_object_mut()) {
        fields.insert("source".into(), json!(SOURCE));
    }
    object
}

/// Returns the result of the whole run, which an expired waiver or a restricted extent may decide.
fn whole(report: &Report) -> Value {
    timed(
        report,
        json!({
            "source": SOURCE,
            "policy": "podproof",
            "rule": "verdict",
            "severity": "critical",
            "result": verdict(report.verdict),
            "scored": true,
            "message": report.headline(),
        }),
    )
}

fn entry(report: &Report, finding: &ReportedFinding) -> Value {
    let mut properties: BTreeMap<_, _> =
        [("outcome", finding.outcome.word().to_owned()), ("effect", finding.enforcement.id().to_owned())]
            .into();
    if let Some(fix) = finding.fixes().next() {
        properties.insert("fix", fix);
    }
    timed(
        report,
        json!({
            "source": SOURCE,
            "policy": "podproof",
            "rule": finding.id,
            "category": finding.area.id(),
            "severity": severity(finding),
            "result": result(finding),
            "scored": finding.enforcement == Enforcement::Blocks,
            "message": finding.because,
            "properties": properties,
        }),
    )
}

/// Adds the start of the run where the evidence tells it.
fn timed(report: &Report, mut entry: Value) -> Value {
    let started = report.run.as_ref().and_then(Run::started);
    if let (Some(started), Some(fields)) = (started, entry.as_object_mut()) {
        let time = json!({ "seconds": started.as_second(), "nanos": started.subsec_nanosecond() });
        fields.insert("timestamp".into(), time);
    }
    entry
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ready => "pass",
        Verdict::ReadyWithWarnings => "warn",
        Verdict::NotReady => "fail",
        Verdict::Undetermined => "error",
    }
}

/// Returns the word of the format. An inconclusive requirement is an error: it passes no gate, and it is no proven failure.
fn result(finding: &ReportedFinding) -> &'static str {
    match (finding.enforcement, finding.is_wanting(), finding.outcome) {
        (Enforcement::NotJudged, ..) | (_, false, ReportedOutcome::NotApplicable) => "skip",
        (_, false, _) => "pass",
        (Enforcement::Blocks, true, ReportedOutcome::Unmet) => "fail",
        (Enforcement::Blocks, true, _) => "error",
        (Enforcement::Waived | Enforcement::Warns | Enforcement::Shown, true, _) => "warn",
    }
}

fn severity(finding: &ReportedFinding) -> &'static str {
    match (finding.enforcement, finding.mandatory) {
        (_, true) => "critical",
        (Enforcement::Blocks, false) => "high",
        (Enforcement::Waived | Enforcement::Warns, false) => "medium",
        (Enforcement::Shown | Enforcement::NotJudged, false) => "info",
    }
}

/// Returns the name of the object of a pool, which is the same in each run.
fn name(pool: &str) -> String {
    let word = |it: char| if it.is_ascii_alphanumeric() { it.to_ascii_lowercase() } else { '-' };
    let readable: String = pool.chars().take(READABLE).map(word).collect();
    let digest: String = sha256(pool.as_bytes()).chars().take(DIGITS).collect();
    format!("{SOURCE}-{}-{digest}", readable.trim_matches('-'))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fixture;

    /// Returns the results of a requirement in the objects of a run with two sandboxes of one pool.
    fn results(requirement: &str, of_both: [(ReportedOutcome, Enforcement); 2]) -> Vec<&'static str> {
        let mut report = fixture::report(&fixture::pod());
        let sandbox = report.sandboxes.remove(0);
        for (outcome, enforcement) in of_both {
            let mut sandbox = sandbox.clone();
            let of_it = sandbox.findings.iter_mut().filter(|finding| finding.id == requirement);
            of_it.map(Arc::make_mut).for_each(|finding| {
                finding.outcome = outcome;
                finding.enforcement = enforcement;
            });
            report.sandboxes.push(sandbox);
        }
        let matrix = Matrix::of(&report);
        findings(&matrix, 0).into_iter().filter(|finding| finding.id == requirement).map(result).collect()
    }

    #[test]
    fn a_gap_that_blocks_decides_the_result_of_its_pool() {
        let blocks = (ReportedOutcome::Inconclusive, Enforcement::Blocks);
        for lenient in [ReportedOutcome::Inconclusive, ReportedOutcome::Unmet] {
            let accepted = (lenient, Enforcement::Warns);
            assert_eq!(results("host-sockets-absent", [accepted, blocks]), ["error"], "{lenient:?}");
        }
    }

    #[test]
    fn a_mandatory_requirement_that_is_not_applicable_decides_the_result_of_its_pool() {
        let met = (ReportedOutcome::Met, Enforcement::Blocks);
        let idle = (ReportedOutcome::NotApplicable, Enforcement::Blocks);
        assert_eq!(results("runtime-isolation", [met, idle]), ["error"]);
    }

    #[test]
    fn pools_with_similar_names_have_objects_of_their_own() {
        assert_ne!(name("Pool one"), name("pool-one"));
    }

    #[test]
    fn a_name_is_one_that_kubernetes_takes() {
        let name = name(&"Über/pool_".repeat(20));
        assert!(name.len() <= 63, "{name}");
        assert!(name.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-'), "{name}");
    }
}
