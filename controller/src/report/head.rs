//! Circumstances and limits of a run for people, in the order in which readers ask.

use std::collections::BTreeSet;

use super::{Enforcement, Place, Report, Run, Subject, extent, gaps::Gap};

/// The word for circumstances that older evidence does not keep.
const NOT_KEPT: &str = "not kept in this evidence";

/// The place of texts that a report does not list.
pub(super) const IN_JSON: &str = "in `--output json`";
/// Parts that were not judged in the summary.
const MOST_AT_FIRST: usize = 2;

/// Returns the verdict, and the environment that it is for.
pub(super) fn verdict(report: &Report) -> String {
    format!("{}, judged for {}", extent::verdict(report), report.environment.environment)
}

/// Returns a name and a value for each circumstance.
pub(super) fn rows(report: &Report) -> Vec<(&'static str, String)> {
    let run = report.run.as_ref();
    vec![
        ("environment", environment(report)),
        ("place", place(report)),
        ("time", time(report)),
        ("versions", versions(report, run)),
        ("score", format!("{} of 100", report.score)),
    ]
}

/// Returns the requirements that block and warn, the parts that were not judged, and the commands that tell more.
pub(super) fn summary(report: &Report, gaps: &[Gap<'_>], detail: &str) -> Vec<(&'static str, String)> {
    let with = |wanted: fn(Enforcement) -> bool| {
        let gaps = gaps.iter().filter(|gap| wanted(gap.finding.enforcement));
        gaps.map(|gap| gap.finding.id.to_owned()).collect::<Vec<_>>()
    };
    let expired =
        report.expired_waivers().map(|waiver| format!("the expired waiver of {}", waiver.requirement));
    let blocks: Vec<_> = expired.chain(with(|it| it == Enforcement::Blocks)).collect();
    let blocks = ("blocks", blocks.join(", "));
    let warns = ("warns", with(|it| it != Enforcement::Blocks).join(", "));
    let id = gaps.first().map_or("ID", |gap| gap.finding.id);
    let next = ("look next", format!("`controller requirements {id}`; {detail}"));
    let not_judged = counted(&not_judged(report), MOST_AT_FIRST, "listed below");
    let not_judged = not_judged.into_iter().map(|part| ("not judged", part));
    [blocks, warns].into_iter().filter(|(_, ids)| !ids.is_empty()).chain(not_judged).chain([next]).collect()
}

/// Returns the extent of the check, and the parts that were not judged where the summary does not have all.
pub(super) fn limits(report: &Report, most: usize) -> Vec<(&'static str, String)> {
    let scope = report.scope.strip_prefix("Scope: ").unwrap_or(&report.scope);
    let scope = (!scope.is_empty()).then(|| ("scope", scope.to_owned()));
    let not_judged = Some(not_judged(report)).filter(|parts| parts.len() > MOST_AT_FIRST);
    let not_judged = counted(&not_judged.unwrap_or_default(), most, IN_JSON);
    scope.into_iter().chain(not_judged.into_iter().map(|part| ("not judged", part))).collect()
}

/// Returns the parts that were not judged, each with the reason, or says that there are none.
pub(super) fn not_judged(report: &Report) -> Vec<String> {
    let mut parts: Vec<_> = report.not_judged.iter().cloned().chain(skipped(report)).collect();
    if parts.is_empty() {
        parts.push("nothing in the scope was left out".to_owned());
    }
    parts
}

/// Returns the first texts, and a last one with the number of the others.
pub(super) fn counted(texts: &[String], most: usize, place: &str) -> Vec<String> {
    let shown = texts.get(..most).unwrap_or(texts);
    let more = texts.len() - shown.len();
    let more = (more > 0).then(|| format!("{more} more, {place}"));
    shown.iter().cloned().chain(more).collect()
}

/// Returns the requirements that the environment leaves out.
fn skipped(report: &Report) -> Option<String> {
    let findings = report.sandboxes.iter().flat_map(|sandbox| &sandbox.findings);
    let mut told = BTreeSet::new();
    let skipped = findings.filter(|finding| finding.enforcement == Enforcement::NotJudged);
    let ids: Vec<_> = skipped.map(|finding| finding.id).filter(|id| told.insert(*id)).collect();
    let why =
        if report.only_production { "`--only production` leaves out" } else { "development does not judge" };
    (!ids.is_empty()).then(|| format!("{why} {}", ids.join(", ")))
}

fn environment(report: &Report) -> String {
    let environment = &report.environment;
    let only = if report.only_production { ", only the requirements of production" } else { "" };
    let said = [&environment.source].into_iter().chain(&environment.remarks).cloned().collect::<Vec<_>>();
    format!("{}{only} ({})", environment.environment, said.join("; "))
}

/// Returns the time of the run, and its name.
pub(super) fn time(report: &Report) -> String {
    let run = report.run.as_ref();
    run.map_or_else(|| NOT_KEPT.to_owned(), |run| format!("{}, run {}", run.started_at, run.id))
}

/// Returns the machine, or the namespace and its cluster.
pub(super) fn place(report: &Report) -> String {
    let subject = report.sandboxes.first().map(|sandbox| &sandbox.subject);
    match (report.run.as_ref().map(|run| &run.place), subject) {
        (Some(Place::Machine { host, kernel }), _) => format!("machine {host}, kernel {kernel}"),
        (Some(Place::Cluster { server, version, namespace }), _) => {
            let version = version.as_ref().map(|version| format!(", {version}")).unwrap_or_default();
            format!("namespace {namespace}, cluster {server}{version}")
        }
        (None, Some(Subject::Pods { namespace, .. })) => format!("namespace {namespace}, cluster {NOT_KEPT}"),
        (None, _) => format!("machine {NOT_KEPT}"),
    }
}

fn versions(report: &Report, run: Option<&Run>) -> String {
    let mut probes: Vec<_> = report.sandboxes.iter().filter_map(|sandbox| sandbox.probe.as_deref()).collect();
    probes.sort_unstable();
    probes.dedup();
    let probes = if probes.is_empty() { "silent".to_owned() } else { probes.join(", ") };
    let controller = run.map_or(NOT_KEPT, |run| &run.controller);
    format!("controller {controller}, probe {probes}")
}
