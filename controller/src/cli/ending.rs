//! The end of a run: its record is saved, judged once and reported; the verdict becomes the exit code.

use std::{collections::BTreeSet, path::PathBuf};

use tokio::time::Instant;

use super::{
    console::say,
    error::CommandError,
    publishing::Publishing,
    signing::{Signing, signed_file},
    withdrawal::withdraw,
};
use crate::{
    case::{Architecture, Case, stopped::Stopped},
    evidence::{
        record::Record,
        saved::{self, Provenance},
    },
    image::embedded,
    judge::{exit::Exit, policy::Policy},
    report::{
        Report,
        attestation::{Gathered, verification_v1::SignedFile},
        deliver::Delivery,
        proof::{Files, Pools},
    },
    run::{
        self, FinishedRun, RunRequest,
        cluster::{publish::Published, server_time::Start},
        interrupt::Told,
        launcher::Launcher,
    },
    support::{clock, digest::sha256, file},
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
    /// The probe, as the run's files name it.
    pub(super) probe: NamedProbe,
    /// The policy file; `None` without one.
    pub(super) policy_file: Option<SignedFile>,
    /// The place of the proof; `None` without `--publish`.
    pub(super) publishing: Option<Publishing>,
    /// The signature of the verdict; `None` without `--sign`.
    pub(super) signing: Option<Signing>,
}

/// A run that was judged and reported.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) exit: Exit,
    pub(super) report: Report,
    /// The pools whose nodes ran a probe; `None` if no proof was asked for.
    pub(super) pools: Option<Pools>,
    /// The titles of the pods that the run read; none if no proof was asked for.
    pub(super) pods: BTreeSet<String>,
    /// The published proof; `None` if there is none.
    pub(super) published: Option<Published>,
}

/// The probe of a run, whose digest files name.
#[derive(Clone, Debug)]
pub(super) enum NamedProbe {
    /// No file names the probe.
    Nowhere,
    /// The probe that the controller contains, for the architecture that answered.
    BuiltIn,
    /// A file of the user with this SHA-256; `None` if the file cannot be read.
    File(Option<String>),
}

impl NamedProbe {
    /// Returns the SHA-256 of the probe of a run; `None` if no file names it, if the controller lacks it, or if probes of several
    /// architectures answered.
    fn digest(self, record: &Record) -> Option<String> {
        match self {
            Self::Nowhere => None,
            Self::BuiltIn => embedded::probe(architecture(record)?).map(sha256),
            Self::File(digest) => digest,
        }
    }
}

/// Returns the architecture whose probes answered in a run, by default the controller's own; `None` for several.
fn architecture(record: &Record) -> Option<Architecture> {
    let answered: BTreeSet<_> = record.cases.iter().filter_map(Case::architecture).collect();
    if answered.len() > 1 { None } else { answered.first().copied().or(Some(Architecture::OWN)) }
}

impl Ending {
    /// Makes a run with a launcher, then saves, judges and reports its record. A run without a record withdraws the files of an
    /// earlier run at its places.
    pub(super) async fn run(
        &self,
        launcher: &impl Launcher,
        request: RunRequest,
    ) -> Result<Exit, CommandError> {
        let ended = self.run_until(launcher, request, None).await;
        if ended.is_err() {
            let signed = self.signing.as_ref().map(|signing| signing.signer.to.as_path());
            withdraw(self.delivery.files().chain(self.save_evidence.as_deref()).chain(signed));
        }
        Ok(ended?.exit)
    }

    /// Makes a run as [`run`](Self::run) does, until the word to stop. A stopped run cleans up, and publishes nothing. A run without
    /// a record leaves the files of an earlier run.
    pub(super) async fn run_until(
        &self,
        launcher: &impl Launcher,
        request: RunRequest,
        told: Option<Told>,
    ) -> Result<Ended, CommandError> {
        let at = Instant::now();
        let FinishedRun { record, mut stopped, leftovers, failure, mut interrupt, answered } =
            run::record(launcher, request, told).await?;
        // The evidence is saved first, so that judging can let go of each case. The report is written even if the evidence
        // cannot be saved.
        let probe = self.probe.clone().digest(&record);
        let saved = self.save(&record, probe.clone());
        let pools = self.publishing.as_ref().map(|_| Pools::of(&record));
        let pods = self.publishing.as_ref().map(|_| record.pods()).unwrap_or_default();
        let gathered = self.signing.as_ref().map(|_| Gathered::of(&record)).unwrap_or_default();
        let report = Report::of_last(record, &self.policy);
        let delivered = self.delivery.deliver(&report);
        let (evidence, saved) = match saved {
            Ok(evidence) => (evidence, Ok(())),
            Err(error) => (None, Err(error)),
        };
        let mut written = saved.and(delivered.map_err(CommandError::from));
        let mut files = Files {
            evidence: evidence.as_ref().map(|file| file.digest.sha256.clone()),
            policy: self.policy_file.as_ref().map(|file| file.digest.sha256.clone()),
            bundle: None,
        };
        match (&self.signing, evidence) {
            // A run that ended early has an exit code of its own, which no signed verdict can say.
            (Some(signing), Some(_)) if stopped.is_some() => {
                say("no attestation: the run did not come to its end");
                written = written.and(signing.withdraw().map_err(CommandError::from));
            }
            (Some(signing), Some(evidence)) => match signing.sign(&report, &gathered, evidence, probe) {
                Ok(bundle) => files.bundle = Some(bundle),
                Err(error) => {
                    // The first failure is told. A file that stays is one of a run whose exit code says that nothing was signed.
                    _ = signing.withdraw();
                    written = written.and(Err(error.into()));
                }
            },
            // The evidence could not be saved, which is told.
            (Some(signing), None) => _ = signing.withdraw(),
            (None, _) => (),
        }
        let mut published = None;
        if let (Some(publishing), Some(pools)) = (&self.publishing, &pools) {
            // A signal that came while the report was written counts, too.
            tokio::select! {
                biased;
                () = interrupt.arrival() => {
                    say("the publication of the proof was interrupted");
                    stopped = Some(Stopped::Interrupted);
                    let withdrawn = self.signing.as_ref().map_or(Ok(()), Signing::withdraw);
                    written = written.and(withdrawn.map_err(CommandError::from));
                }
                proof = publishing.publish(&report, pools, files, Start { at, answered }) => match proof {
                    Ok(proof) => published = Some(proof),
                    Err(error) => written = written.and(Err(error)),
                },
            }
        }
        let exit = Exit::of(stopped, written.is_ok(), report.verdict.into(), !leftovers.is_empty());
        if let Some(error) = written.err().or(failure.map(CommandError::from)) {
            error.tell();
        }
        Ok(Ended { exit, report, pools, pods, published })
    }

    /// Saves the evidence. Returns its name and its digest; `None` if nobody asked for the evidence.
    fn save(&self, record: &Record, probe: Option<String>) -> Result<Option<SignedFile>, CommandError> {
        let Some(path) = &self.save_evidence else { return Ok(None) };
        let provenance =
            Provenance { controller: env!("CARGO_PKG_VERSION").to_owned(), probe, saved_at: clock::now() };
        let digest = file::put_anew(path, |to| saved::write(record, &provenance, to))?;
        Ok(Some(signed_file(path, digest)))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, time::Duration};

    use super::*;
    use crate::{
        case::environment::Environment,
        cli::args::sign::Signer,
        fixture::{
            self, arm,
            run::{Stub, request},
        },
        report::{Format, attestation::verification_v1::NamedBy, deliver::Output, text::Style},
        run::RunError,
        support::signing::{Kind, SigningKey},
    };

    /// The run that a signal ended, which has no record.
    const WITHOUT_RECORD: Stub = Stub(Some(Stopped::Interrupted));
    const EVIDENCE: &str = "evidence.json";
    const REPORT: &str = "report.json";
    const ATTESTATION: &str = "attestation.json";

    /// Returns the ending of a run that signs, reports and saves its evidence in this folder.
    fn ending(folder: &Path) -> Ending {
        let (key, _) = SigningKey::generate(Kind::Ed25519).unwrap();
        let life = Duration::from_hours(1);
        Ending {
            policy: Policy::of(Environment::Production),
            delivery: Delivery {
                outputs: vec![Output { format: Format::Json, file: Some(folder.join(REPORT)) }],
                style: Style { width: 80, colour: false, verbose: false },
                summary: None,
            },
            save_evidence: Some(folder.join(EVIDENCE)),
            probe: NamedProbe::Nowhere,
            policy_file: None,
            publishing: None,
            signing: Some(Signing {
                signer: Signer { key, to: folder.join(ATTESTATION), life },
                policy: None,
                named_by: NamedBy::Run,
                require_whole: false,
                judged_at: 7,
            }),
        }
    }

    /// Returns a folder with the results of an earlier run.
    fn results() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in [EVIDENCE, REPORT, ATTESTATION] {
            fs::write(folder.path().join(name), "earlier").unwrap();
        }
        folder
    }

    #[tokio::test]
    async fn a_run_without_a_record_withdraws_the_results_of_an_earlier_run() {
        let folder = results();
        let ended = ending(folder.path()).run(&WITHOUT_RECORD, request()).await;
        assert!(matches!(ended, Err(CommandError::Run(RunError::Interrupted))), "{ended:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// The proof of the earlier run is still good, and names the evidence.
    #[tokio::test]
    async fn a_watched_run_without_a_record_leaves_the_results_of_an_earlier_run() {
        let folder = results();
        let ended = ending(folder.path()).run_until(&WITHOUT_RECORD, request(), None).await;
        assert!(matches!(ended, Err(CommandError::Run(RunError::Interrupted))), "{ended:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[tokio::test]
    async fn evidence_that_is_not_saved_leaves_no_earlier_attestation() {
        let folder = results();
        let ending = Ending { save_evidence: Some(folder.path().to_owned()), ..ending(folder.path()) };
        let ended = ending.run(&Stub(None), request()).await;
        assert!(matches!(ended, Ok(Exit::CouldNotRun)), "{ended:?}");
        assert!(!folder.path().join(ATTESTATION).exists());
    }

    #[test]
    fn the_probe_of_a_run_is_that_of_the_architecture_that_answered() {
        let on_arm = || arm::gvisor(arm::Release::Of2026);
        assert_eq!(architecture(&fixture::record(vec![on_arm(), on_arm()])), Some(Architecture::Arm));
    }

    #[test]
    fn no_one_probe_made_a_run_on_two_architectures() {
        let cases = vec![fixture::gvisor(), arm::gvisor(arm::Release::Of2026)];
        assert_eq!(architecture(&fixture::record(cases)), None);
    }

    #[test]
    fn a_run_without_an_answer_has_the_controllers_own_probe() {
        assert_eq!(architecture(&fixture::record(Vec::new())), Some(Architecture::OWN));
    }
}
