//! The control on this machine: a probe's worker beside the sandbox, in the controller's own network. It makes the
//! given attempts with the same code as the probe in the sandbox.

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

/// The time that the worker may take beyond its attempts, to start and to end.
const GRACE: Duration = Duration::from_secs(5);

/// Why the control has no evidence.
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
    #[error("the worker did not report its attempts: {0}")]
    Nothing(String),
}

/// Attempts all targets in the rounds of the budget, with a copy of the probe.
pub(crate) async fn attempts(
    probe: &Path,
    copy: &Path,
    targets: Vec<Target>,
    budget: Budget,
) -> Result<Vec<Attempt>, Error> {
    let mut order = Vec::new();
    worker::send(&mut order, &Order { observers: vec![Observer::Egress], targets, budget })?;
    altered(probe, copy).map_err(Error::Copy)?;
    let mut said =
        timeout(budget.rounds() + GRACE, run(copy, &order)).await.map_err(|_| Error::Overdue)??;
    let mut outcome = Observation::failed("the worker ended before its attempts");
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

/// Makes a copy with other contents: the sandbox's own probe is searched for among the machine's processes. The loader
/// ignores bytes behind the end of a program.
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
        return Err(io::Error::other("the worker has no pipes"));
    };
    input.write_all(order).await?;
    drop(input);
    let mut said = Vec::new();
    output.read_to_end(&mut said).await?;
    child.wait().await?;
    Ok(said)
}
