//! The seam between a run and the place where its probes run. A launcher is a module of its own with one implementation of
//! [`Launcher`]: [`local`](super::local) for this machine, [`cluster`](super::cluster) for a namespace. Names, deadline,
//! signals, remarks, circumstances and record are the same for every launcher; [`record`](super::record) makes them.

use jiff::Timestamp;
use proto::Nonce;
use tokio::time::Instant;

use super::{RunError, RunRequest, interrupt::Interrupt, progress::Progress};
use crate::{
    case::{Case, circumstances::Place, leftover::Leftover, stopped::Stopped},
    plan::needs::Needs,
};

/// A place where probes can be launched.
///
/// Launching and cleaning up are one call, because only the launcher knows what may overlap: a cluster is read a second time
/// while the probes are removed, and the machine is surveyed while the sandbox runs.
pub(crate) trait Launcher {
    /// Surveys the place, launches the probes, collects their evidence, and removes every object that it created.
    ///
    /// Errors come before the first object exists, or after the last one is removed. The launcher stops at the session's
    /// deadline and at its interrupt, cleans up then too, and says so in [`Launch::stopped`]. Every object bears the name that
    /// [`run_name`](crate::plan::run_name) makes of the session's nonce.
    async fn launch(
        &self,
        request: &RunRequest,
        needs: Needs,
        session: &mut Session,
    ) -> Result<Launch, RunError>;
}

/// Nonce, deadline, signals and display of one run.
#[derive(Debug)]
pub(crate) struct Session {
    /// The random number that the run's name is made of.
    pub(crate) nonce: Nonce,
    /// The end of `--timeout`.
    pub(crate) deadline: Instant,
    /// The signals INT and TERM, watched from the start.
    pub(crate) interrupt: Interrupt,
    /// The display of the run's progress.
    pub(crate) progress: Progress,
}

/// The result of a launch: the evidence with the launcher's own knowledge, and the objects that it could not remove.
#[derive(Debug)]
pub(crate) struct Launch {
    /// The machine or the cluster.
    pub(crate) place: Place,
    /// One case for each probe.
    pub(crate) cases: Vec<Case>,
    /// Sentences that the reader of the report should know besides.
    pub(crate) remarks: Vec<String>,
    /// Objects that could not be removed.
    pub(crate) leftovers: Vec<Leftover>,
    /// The reason for an early end; `None` for a launch that ended by itself.
    pub(crate) stopped: Option<Stopped>,
    /// The error that kept every probe from starting; `None` if a probe started or none was planned.
    pub(crate) failure: Option<RunError>,
    /// The time of a cluster's first answer, by its own clock; `None` without one.
    pub(crate) answered: Option<Timestamp>,
}
