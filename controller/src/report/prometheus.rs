//! The report in the text format of Prometheus, for the textfile collector of `node_exporter` or for a Pushgateway
//! (prometheus.io, "Exposition formats"). Enumerations are one gauge for each value, as `OpenMetrics` has state sets.
//!
//! A requirement has the outcome of its worst finding in each pool, so that the number of series grows with the pools and never with the nodes.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use jiff::Timestamp;

use super::{Enforcement, Place, Report, ReportedFinding, ReportedOutcome, Run, Verdict, matrix::Matrix};

const VERDICTS: [Verdict; 4] =
    [Verdict::Ready, Verdict::ReadyWithWarnings, Verdict::NotReady, Verdict::Undetermined];
const OUTCOMES: [ReportedOutcome; 4] = [
    ReportedOutcome::Met,
    ReportedOutcome::Unmet,
    ReportedOutcome::Inconclusive,
    ReportedOutcome::NotApplicable,
];

/// The labels of a series.
type Labels<'a> = Vec<(&'static str, &'a str)>;
/// The series of a metric.
type Series<'a> = Vec<(Labels<'a>, i64)>;

/// A metric with its series.
struct Metric<'a> {
    name: &'static str,
    help: &'static str,
    series: Series<'a>,
}

/// Renders all metrics, with a line end.
pub(super) fn render(report: &Report) -> String {
    let place = place(report);
    let environment = report.environment.environment.to_string();
    let on = |more: Labels<'static>| -> Labels<'_> {
        [vec![place, ("environment", environment.as_str())], more].concat()
    };
    let run = report.run.as_ref();
    let started = run.and_then(Run::started).map(Timestamp::as_second);
    let version = run.map_or(env!("CARGO_PKG_VERSION"), |run| &run.controller);
    let expired = report.expired_waivers().count();
    let (outcomes, blocking) = by_pool(report, place);
    let metrics = [
        Metric {
            name: "podproof_verdict",
            help: "The verdict of the run: 1 for the verdict that holds, 0 for the others.",
            series: VERDICTS
                .into_iter()
                .map(|it| (on(vec![("verdict", it.id())]), (it == report.verdict).into()))
                .collect(),
        },
        Metric {
            name: "podproof_whole",
            help: "1 if the run judged the whole place, 0 if flags restricted the run.",
            series: vec![(on(vec![]), report.extent.whole.into())],
        },
        Metric {
            name: "podproof_score",
            help: "The weight of the met requirements, from 0 to 100. The score decides nothing.",
            series: vec![(on(vec![]), report.score.into())],
        },
        Metric {
            name: "podproof_run_timestamp_seconds",
            help: "The start of the run, in seconds since 1970.",
            series: started.map(|started| (on(vec![]), started)).into_iter().collect(),
        },
        Metric {
            name: "podproof_sandboxes",
            help: "The number of judged sandboxes.",
            series: vec![(on(vec![]), number(report.sandboxes.len()))],
        },
        Metric {
            name: "podproof_expired_waivers",
            help: "The number of waivers of the policy file that have expired.",
            series: vec![(on(vec![]), number(expired))],
        },
        Metric {
            name: "podproof_requirement_outcome",
            help: "The outcome of a requirement's worst finding in a pool, and a finding that blocks is the worst: 1 for the outcome \
                   that holds, 0 for the others.",
            series: outcomes,
        },
        Metric {
            name: "podproof_requirement_blocks",
            help: "The number of sandboxes of a pool in which the requirement blocks.",
            series: blocking,
        },
        Metric {
            name: "podproof_build_info",
            help: "The version of the controller that made the run.",
            series: vec![(vec![("version", version)], 1)],
        },
    ];
    metrics.iter().filter(|metric| !metric.series.is_empty()).map(Metric::text).collect()
}

/// Returns the place that tells the runs of one machine or cluster apart.
fn place(report: &Report) -> (&'static str, &str) {
    match report.run.as_ref().map(|run| &run.place) {
        Some(Place::Cluster { namespace, .. }) => ("namespace", namespace),
        Some(Place::Machine { host, .. }) => ("host", host),
        None => {
            let first = report.sandboxes.first();
            ("namespace", first.and_then(|it| it.subject.namespace()).unwrap_or_default())
        }
    }
}

/// Returns the outcome of each requirement's worst finding in each pool, and the number of sandboxes in which it blocks.
fn by_pool<'a>(report: &'a Report, place: (&'static str, &'a str)) -> (Series<'a>, Series<'a>) {
    let matrix = Matrix::of(report);
    let mut blocks: BTreeMap<_, usize> = BTreeMap::new();
    for sandbox in &report.sandboxes {
        let blocking = |finding: &&Arc<ReportedFinding>| {
            finding.is_wanting() && finding.enforcement == Enforcement::Blocks
        };
        for finding in sandbox.findings.iter().filter(blocking) {
            *blocks.entry((sandbox.subject.column(), finding.id)).or_default() += 1;
        }
    }
    let (mut outcomes, mut blocking) = (Vec::new(), Vec::new());
    for row in &matrix.rows {
        for (pool, cell) in matrix.columns.iter().zip(&row.cells) {
            let Some(worst) = cell else { continue };
            let labels = vec![place, ("pool", *pool), ("requirement", row.id)];
            for outcome in OUTCOMES {
                let labels = [labels.clone(), vec![("outcome", outcome.id())]].concat();
                outcomes.push((labels, (outcome == worst.outcome).into()));
            }
            let count = blocks.get(&(*pool, row.id)).copied().unwrap_or_default();
            blocking.push((labels, number(count)));
        }
    }
    (outcomes, blocking)
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Metric<'_> {
    fn text(&self) -> String {
        let Self { name, help, series } = self;
        let mut text = format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
        for (labels, value) in series {
            let labels = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
            // Writing to a string does not fail.
            _ = writeln!(text, "{name}{{{}}} {value}", labels.collect::<Vec<_>>().join(","));
        }
        text
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
