//! The bounds that hold for a small cluster: counts and sizes, no times.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use stage::cluster::{Crowd, SimulatedNodes};

use super::{
    measure::{Cost, cost},
    rows, table,
};

const NODES: usize = 100;
/// Requests that do not grow with the nodes: the survey, the second reading, the watches.
const SURVEY: usize = 80;

/// A run and its bounds.
struct Bound {
    title: &'static str,
    with_controls: bool,
    /// The most requests for each node, besides those of the survey.
    requests_a_node: usize,
    /// The most peak memory in MB (2^20 bytes).
    peak: f64,
    /// The most open descriptors.
    descriptors: usize,
}

const BOUNDS: &[Bound] = &[
    Bound { title: "verify", with_controls: false, requests_a_node: 3, peak: 96.0, descriptors: 128 },
    Bound {
        title: "verify with controls",
        with_controls: true,
        requests_a_node: 6,
        peak: 96.0,
        descriptors: 256,
    },
];

/// Measures each run, and fails if a number exceeds its bound.
pub(super) fn run(cluster: &mut SimulatedNodes) -> io::Result<ExitCode> {
    cluster.grow(Crowd::of(NODES, 1));
    table::heading(NODES)?;
    let mut excesses = Vec::new();
    for bound in BOUNDS {
        let mut words = vec!["--quiet", "--parallel", "64", "--settle", "0"];
        if bound.with_controls {
            words.extend(["--control-namespace", cluster.control()]);
        }
        let cost = cost(cluster, &mut rows::verify(cluster, rows::IMAGE, &words));
        table::line(bound.title, NODES, &cost)?;
        excesses.extend(bound.excesses(&cost));
    }
    let mut out = io::stdout();
    for excess in &excesses {
        writeln!(out, "{excess}")?;
    }
    Ok(if excesses.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Bound {
    fn excesses(&self, cost: &Cost) -> Vec<String> {
        let requests = self.requests_a_node * NODES + SURVEY;
        let of = |kind: &str| cost.requests.kinds.get(kind).copied().unwrap_or_default();
        let execs = of("get pods/exec") + of("create pods/exec");
        // A control pod on each node is asked beside the probe.
        let asked = if self.with_controls { 2 * NODES } else { NODES };
        let checks = [
            (execs < asked, format!("only {execs} pods on {NODES} nodes were asked, and {asked} should be")),
            (
                cost.requests.count() > requests,
                format!(
                    "{} requests, and {requests} are allowed: {:?}",
                    cost.requests.count(),
                    cost.requests.kinds
                ),
            ),
            (
                table::megabytes(cost.peak) > self.peak,
                format!(
                    "{:.0} MB of peak memory, and {:.0} are allowed",
                    table::megabytes(cost.peak),
                    self.peak
                ),
            ),
            (
                cost.descriptors > self.descriptors,
                format!("{} open descriptors, and {} are allowed", cost.descriptors, self.descriptors),
            ),
            (cost.requests.too_many > 0, format!("{} answers were 429", cost.requests.too_many)),
            (cost.left > 0, format!("{} objects are left", cost.left)),
        ];
        let failed = checks.into_iter().filter(|(failed, _)| *failed);
        failed.map(|(_, what)| format!("{}: {what}", self.title)).collect()
    }
}
