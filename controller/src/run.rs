//! Runs touch the world: they survey a place, launch probes there, collect their evidence and clean up. They never judge.

pub mod cluster;
pub mod collect;
mod error;
pub(crate) mod interrupt;
pub(crate) mod launcher;
pub mod local;
pub(crate) mod lookup;
pub(crate) mod progress;

use std::time::Duration;

use jiff::Timestamp;
use proto::Nonce;
use tokio::time::Instant;

pub(crate) use error::RunError;
use interrupt::{Interrupt, Told};
use launcher::{Launch, Launcher, Session};
use lookup::LookupRequest;
use progress::{Display, Progress};

use crate::{
    case::{
        circumstances::Circumstances, environment::Declared, leftover::Leftover, rounds::Rounds,
        stopped::Stopped,
    },
    evidence::record::Record,
    plan::{self, renewal::Jitter},
    support::world,
};

/// The remark on a run that the end of `--timeout` stopped.
const TIMED_OUT: &str =
    "the run did not end in time; requirements whose evidence was missing by then are inconclusive";

/// Settings of a run that are the same for every launcher.
#[derive(Clone, Debug)]
pub(crate) struct RunRequest {
    /// Targets and profile of the network, with names that are not looked up yet.
    pub(crate) network: LookupRequest,
    /// The rounds of attempts, by `--settle`.
    pub(crate) rounds: Rounds,
    /// Set by `--measure-cpu`.
    pub(crate) measures_cpu: bool,
    /// Time for the whole run, without the removal of its objects.
    pub(crate) timeout: Duration,
    /// True if nobody set that time, so that it grows with the number of probes.
    pub(crate) timeout_grows: bool,
    /// The display of the progress.
    pub(crate) display: Display,
    /// The environment that the run is judged for.
    pub(crate) declared: Declared,
    /// Set by `--only production`.
    pub(crate) only_production: bool,
    /// The start of the run, in seconds since 1970 (UTC).
    pub(crate) started_at: u64,
}

/// A run that came to its end: the record to judge, and the facts that weigh on the exit code beside the verdict.
#[derive(Debug)]
pub(crate) struct FinishedRun {
    /// Cases, circumstances and remarks, not judged yet.
    pub(crate) record: Record,
    /// The reason for an early end; `None` for a run that ended by itself.
    pub(crate) stopped: Option<Stopped>,
    /// Objects that could not be removed.
    pub(crate) leftovers: Vec<Leftover>,
    /// The error that kept every probe from starting; `None` if a probe started or none was planned.
    pub(crate) failure: Option<RunError>,
    /// The signals INT and TERM, watched since the start of the run.
    pub(crate) interrupt: Interrupt,
    /// The time of a cluster's first answer, by its own clock; `None` without one.
    pub(crate) answered: Option<Timestamp>,
}

/// Makes a run with a launcher, until the word to stop or, without one, until a signal. An interrupted run has no record and is
/// an error.
pub(crate) async fn record(
    launcher: &impl Launcher,
    request: RunRequest,
    told: Option<Told>,
) -> Result<FinishedRun, RunError> {
    let deadline = Instant::now() + request.timeout;
    let progress = Progress::new(request.display);
    let (needs, looked_up) = lookup::looked_up(&request.network).await?;
    let interrupt = match told {
        Some(told) => Interrupt::Told(told),
        None => Interrupt::watch().map_err(RunError::Signals)?,
    };
    let mut session = Session { nonce: nonce()?, deadline, interrupt, progress };
    let result = Box::pin(launcher.launch(&request, needs, &mut session)).await;
    session.progress.finish();
    let Launch { place, cases, remarks, leftovers, stopped, failure, answered } = result?;
    if stopped == Some(Stopped::Interrupted) {
        tell_of(&leftovers);
        return Err(RunError::Interrupted);
    }
    let timed_out = (stopped == Some(Stopped::TimedOut)).then(|| TIMED_OUT.to_owned());
    let left = leftovers.iter().map(Leftover::to_string);
    let record = Record {
        environment: request.declared,
        circumstances: Some(Circumstances {
            run: plan::run_name(session.nonce),
            started_at: request.started_at,
            controller: env!("CARGO_PKG_VERSION").to_owned(),
            place,
        }),
        only_production: request.only_production,
        remarks: looked_up.into_iter().chain(timed_out).chain(remarks).chain(left).collect(),
        cases,
    };
    Ok(FinishedRun { record, stopped, leftovers, failure, interrupt: session.interrupt, answered })
}

fn nonce() -> Result<Nonce, RunError> {
    Ok(Nonce(random()?))
}

/// Returns random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], RunError> {
    let mut bytes = [0; N];
    match world::simulated() {
        Some(world) => world.fill(&mut bytes),
        None => getrandom::fill(&mut bytes).map_err(RunError::Random)?,
    }
    Ok(bytes)
}

/// Returns a random share of a pause: all of it where there are no random numbers.
pub(crate) fn jitter() -> Jitter {
    Jitter(random::<1>().map_or(u8::MAX, |[share]| share))
}

/// Names leftovers on standard error that no report will name, whatever `RUST_LOG` and `--quiet` say.
fn tell_of(leftovers: &[Leftover]) {
    for leftover in leftovers {
        world::say(&leftover.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::circumstances::Place,
        fixture::run::{Stub, request},
    };

    async fn recorded(stopped: Option<Stopped>) -> Result<FinishedRun, RunError> {
        record(&Stub(stopped), request(), None).await
    }

    #[tokio::test]
    async fn a_record_has_the_circumstances_of_its_run() {
        let Record { circumstances, only_production, .. } = recorded(None).await.unwrap().record;
        let circumstances = circumstances.unwrap();
        assert!(circumstances.run.starts_with("podproof-"), "{circumstances:?}");
        assert_eq!(circumstances.started_at, 7);
        assert_eq!(circumstances.place, Place::Machine { host: "host".into(), kernel: "6.12".into() });
        assert!(only_production);
    }

    #[tokio::test]
    async fn remarks_name_the_timeout_before_the_leftovers() {
        let finished = recorded(Some(Stopped::TimedOut)).await.unwrap();
        let remarks = finished.record.remarks;
        let left = "left behind: the stub; remove it with `rm stub`";
        assert!(remarks[0].contains("no-private"), "{remarks:?}");
        assert_eq!(remarks[1..], [TIMED_OUT, "a remark of the launcher", left]);
    }

    #[tokio::test]
    async fn an_interrupted_run_has_no_record() {
        let interrupted = recorded(Some(Stopped::Interrupted)).await;
        assert!(matches!(interrupted, Err(RunError::Interrupted)), "{interrupted:?}");
    }
}
