//! Errors that keep a run from its record, on this machine and in a cluster.

use std::{collections::BTreeMap, io, path::PathBuf, process::ExitStatus};

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
    #[error("the runtime did not start the probe in the container ({status}){}", quoted(last_lines))]
    NotEntered { status: ExitStatus, last_lines: Vec<String> },
    #[error("failed to plan the probes of the namespace")]
    ClusterPlan(#[from] plan::cluster::Error),
    #[error("failed to survey the namespace")]
    Survey(#[from] cluster::survey::Error),
    #[error("failed to connect to the cluster")]
    Connect(#[from] cluster::connect::ConnectError),
    #[error("no probe is launched, because the proof of the run could not be published")]
    Unpublishable(#[from] cluster::publish::PublishError),
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

/// The most reasons that an error names; it counts the rest.
const NAMED: usize = 8;

/// Returns each reason once, with the number of probes that it kept from starting.
fn listed(reasons: &[cluster::pods::Refusal]) -> String {
    let mut told: Vec<(String, usize)> = Vec::new();
    let mut positions = BTreeMap::new();
    for reason in reasons.iter().map(ToString::to_string) {
        let position = *positions.entry(reason.clone()).or_insert(told.len());
        match told.get_mut(position) {
            Some((_, count)) => *count += 1,
            None => told.push((reason, 1)),
        }
    }
    let more = told.split_off(told.len().min(NAMED)).len();
    let counted = |(reason, count): (String, usize)| match count {
        1 => reason,
        _ => format!("{reason} ({count} probes)"),
    };
    let more = (more > 0).then(|| format!("and {more} more reasons; the report has them all"));
    quoted(&told.into_iter().map(counted).chain(more).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::{cluster::pods::Refusal, *};

    fn told(reasons: impl IntoIterator<Item = String>) -> String {
        let reasons = reasons.into_iter().map(Refusal::NotStarted).collect();
        RunError::NoneLaunched { reasons }.to_string()
    }

    #[test]
    fn equal_reasons_are_told_once_with_their_number() {
        let reasons = ["no room", "no image", "no room"].map(str::to_owned);
        assert_eq!(told(reasons), "no probe could be started\n  | no room (2 probes)\n  | no image");
    }

    #[test]
    fn reasons_beyond_the_first_are_counted() {
        let told = told((0..1000).map(|number| format!("pod {number} did not start")));
        assert_eq!(told.lines().count(), NAMED + 2);
        assert!(told.ends_with("and 992 more reasons; the report has them all"), "{told}");
    }
}
