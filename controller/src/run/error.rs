//! Errors that keep a run from its record, on this machine and in a cluster.

use std::{io, path::PathBuf, process::ExitStatus};

use super::{cluster, local::launch::LaunchError, lookup::LookupError};
use crate::{
    case::cluster::Unreadable,
    plan::{self, local::LocalPlanError},
};

/// An error that keeps a run from its record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("this controller was built without a probe")]
    NoProbe,
    #[error("failed to read the probe {}", path.display())]
    ReadProbe { path: PathBuf, source: io::Error },
    #[error("failed to draw random numbers")]
    Random(#[source] getrandom::Error),
    #[error("failed to watch for the signals INT and TERM")]
    Signals(#[source] io::Error),
    #[error("failed to open the controller's listener on this machine")]
    Listen(#[source] io::Error),
    #[error(transparent)]
    Lookup(#[from] LookupError),
    #[error("failed to plan the run")]
    LocalPlan(#[from] LocalPlanError),
    #[error("failed to launch the probe")]
    Launch(#[from] LaunchError),
    #[error("the runtime did not start the sandbox ({status}){}", quoted(last_lines))]
    NotStarted { status: ExitStatus, last_lines: Vec<String> },
    #[error("failed to plan the probes of the namespace")]
    ClusterPlan(#[from] plan::cluster::Error),
    #[error("failed to survey the namespace")]
    Survey(#[from] cluster::survey::Error),
    #[error("failed to connect to the cluster")]
    Connect(#[from] cluster::connect::ConnectError),
    #[error("no probe is launched without reading the pods and Services of the namespace: {0}")]
    Blind(Unreadable),
    #[error("the policies of the namespace cannot be explained: {0}")]
    Unexplained(Unreadable),
    #[error("failed to list the objects of earlier runs in namespace {namespace}")]
    Find { namespace: String, source: Box<kube::Error> },
    #[error("failed to write a manifest")]
    Manifest(#[from] serde_saphyr::SerializeError),
    #[error("the API server did not answer in time")]
    NoAnswer,
    #[error("the run was interrupted")]
    Interrupted,
    #[error("no probe could be started{}", listed(reasons))]
    NoneLaunched { reasons: Vec<cluster::pods::Refusal> },
}

fn quoted(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |quoted, line| quoted + "\n  | " + line)
}

fn listed(reasons: &[cluster::pods::Refusal]) -> String {
    let mut told: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    told.dedup();
    quoted(&told)
}
