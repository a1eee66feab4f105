//! The end of a run: its record is saved, judged once and reported; the verdict becomes the exit code.

use std::path::PathBuf;

use tokio::time::Instant;

use super::{error::CommandError, publishing::Publishing};
use crate::{
    evidence::{
        record::Record,
        saved::{self, Provenance},
    },
    judge::{exit::Exit, policy::Policy},
    report::{Report, deliver::Delivery, proof::Pools},
    run::{self, FinishedRun, RunRequest, launcher::Launcher},
    support::{clock, file},
};

/// The policy that judges a run, and the places of its report and its evidence.
#[derive(Debug)]
pub(super) struct Ending {
    /// The policy for the declared environment.
    pub(super) policy: Policy,
    /// The places of the report.
    pub(super) delivery: Delivery,
    /// The file of `--save-evidence`; `None` without the flag.
    pub(super) save_evidence: Option<PathBuf>,
    /// The SHA-256 of the probe; `None` if the controller has no probe.
    pub(super) probe: Option<String>,
    /// The place of the proof; `None` without `--publish`.
    pub(super) publishing: Option<Publishing>,
}

impl Ending {
    /// Makes a run with a launcher, then saves, judges and reports its record.
    pub(super) async fn run(
        self,
        launcher: &impl Launcher,
        request: RunRequest,
    ) -> Result<Exit, CommandError> {
        let began = Instant::now();
        let FinishedRun { record, stopped, leftovers, failure } = run::record(launcher, request).await?;
        // The evidence is saved first, so that judging can let go of each case. The report is written even if the evidence
        // cannot be saved.
        let saved = self.save(&record);
        let pools = self.publishing.as_ref().map(|_| Pools::of(&record));
        let report = Report::of_last(record, &self.policy);
        let delivered = self.delivery.deliver(&report);
        let mut written = saved.and(delivered.map_err(CommandError::from));
        if let (Some(publishing), Some(pools)) = (&self.publishing, pools) {
            let published = publishing.publish(&report, pools, began).await;
            written = written.and(published);
        }
        let exit = Exit::of(stopped, written.is_ok(), report.verdict.into(), !leftovers.is_empty());
        if let Some(error) = written.err().or(failure.map(CommandError::from)) {
            error.tell();
        }
        Ok(exit)
    }

    fn save(&self, record: &Record) -> Result<(), CommandError> {
        let Some(path) = &self.save_evidence else { return Ok(()) };
        let provenance = Provenance {
            controller: env!("CARGO_PKG_VERSION").to_owned(),
            probe: self.probe.clone(),
            saved_at: clock::now(),
        };
        Ok(file::put_with(path, |to| saved::write(record, &provenance, to))?)
    }
}
