//! The control on this machine: a probe's worker beside the sandbox, in the controller's own network, which attempts what it
//! is told by the very code that the sandbox's own attempts go through.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use proto::{
    Attempt, Budget, Fact, Observation, Observed, Observer, Target,
    worker::{self, Order, Progress},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

use super::super::launch::as_nobody;

/// How much longer than its attempts the worker may take to start and to end.
const GRACE: Duration = Duration::from_secs(5);

/// Why the control saw nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to copy the probe")]
    Copy(#[source] io::Error),
    #[error("failed to run the worker")]
    Run(#[from] io::Error),
    #[error("failed to understand the worker")]
    Understand(#[from] worker::Error),
    #[error("the worker did not end in time")]
    Overdue,
    #[error("the worker said nothing of its attempts: {0}")]
    Nothing(String),
}

/// Attempts these targets, all at once, by a copy of the probe.
pub(crate) async fn attempts(
    probe: &Path,
    copy: &Path,
    targets: Vec<Target>,
    budget: Budget,
) -> Result<Vec<Attempt>, Error> {
    let mut order = Vec::new();
    worker::send(&mut order, &Order { observers: vec![Observer::Egress], targets, budget })?;
    altered(probe, copy).map_err(Error::Copy)?;
    let mut said = timeout(budget.egress + GRACE, run(copy, &order)).await.map_err(|_| Error::Overdue)??;
    let mut outcome = Observation::failed("it ended before");
    while let Some(progress) = worker::take(&mut said)? {
        if let Progress::Done(Observed { observer: Observer::Egress, outcome: told }) = progress {
            outcome = told;
        }
    }
    match outcome {
        Observation::Seen(Fact::Egress(egress)) => Ok(egress.attempts),
        other => Err(Error::Nothing(other.fared())),
    }
}

/// A copy that is not the same file by its contents either: the sandbox's own is looked for among the machine's processes.
/// What stands behind the end of a program, nobody loads.
fn altered(probe: &Path, copy: &Path) -> io::Result<()> {
    std::fs::copy(probe, copy)?;
    OpenOptions::new().append(true).open(copy)?.write_all(b"control")
}

async fn run(probe: &Path, order: &[u8]) -> io::Result<Vec<u8>> {
    let mut command = Command::new(probe);
    as_nobody(command.arg("observe"));
    let command = command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.stderr(std::process::Stdio::null()).kill_on_drop(true).spawn()?;
    let (Some(mut input), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("it has no pipes"));
    };
    input.write_all(order).await?;
    drop(input);
    let mut said = Vec::new();
    output.read_to_end(&mut said).await?;
    child.wait().await?;
    Ok(said)
}
