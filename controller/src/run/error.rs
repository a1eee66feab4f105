//! Why a run could not be made, on this machine or in a cluster.

use std::{io, path::PathBuf, process::ExitStatus};

use super::{cluster, local, lookup};
use crate::{case::cluster::Unreadable, plan, report::deliver::Undelivered, support::file};

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("this controller was built without a probe")]
    NoProbe,
    #[error("failed to read the probe {}", path.display())]
    ReadProbe { path: PathBuf, source: io::Error },
    #[error("failed to draw random numbers")]
    Random(#[source] getrandom::Error),
    #[error("failed to watch for signals")]
    Signals(#[source] io::Error),
    #[error("failed to listen")]
    Listen(#[source] io::Error),
    #[error(transparent)]
    Name(#[from] lookup::Error),
    #[error("failed to plan the run")]
    Plan(#[from] plan::local::LocalPlanError),
    #[error("failed to launch the probe")]
    Launch(#[from] local::launch::Error),
    #[error("the runtime did not start the sandbox ({status}){}", quoted(last_lines))]
    NotStarted { status: ExitStatus, last_lines: Vec<String> },
    #[error("failed to plan the probes")]
    Probes(#[from] plan::cluster::Error),
    #[error("failed to look at the namespace")]
    Surroundings(#[from] cluster::survey::Error),
    #[error("failed to launch the probes")]
    Pods(#[from] cluster::pods::Error),
    #[error("without a permission no probe is launched: {0}")]
    Blind(Unreadable),
    #[error("failed to look for what was left in namespace {namespace}")]
    Find { namespace: String, source: Box<kube::Error> },
    #[error("failed to write a manifest")]
    Manifest(#[from] serde_saphyr::SerializeError),
    #[error("the API server did not answer in time")]
    NoAnswer,
    #[error("it was interrupted")]
    Interrupted,
    #[error("no probe could be started{}", listed(reasons))]
    NoneLaunched { reasons: Vec<cluster::pods::Refusal> },
    #[error("failed to put the evidence into its form")]
    Encode(#[from] serde_json::Error),
    #[error("failed to save the evidence")]
    Save(#[from] file::Error),
    #[error("failed to write the report")]
    Deliver(#[from] Undelivered),
}

fn quoted(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |quoted, line| quoted + "\n  | " + line)
}

fn listed(reasons: &[cluster::pods::Refusal]) -> String {
    let mut told: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    told.dedup();
    quoted(&told)
}
