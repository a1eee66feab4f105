//! The in-toto statement of a run.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Gathered,
    verification_v1::{
        NamedBy, PREDICATE_TYPE, SignedDigest, SignedFile, SignedPlace, SignedPool, SignedVerdict,
        TestResult, Time, Verification,
    },
};
use crate::{
    case::environment::Environment,
    report::{
        Enforcement, Place, Report,
        model_v1::{self, ReportedOutcome},
        proof,
    },
};

/// The type of an in-toto statement (in-toto/attestation, `spec/v1/statement.md`).
pub(super) const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The most pools, and the most images, among the subjects: sigstore-go refuses a statement with more than 1,024 subjects
/// (`pkg/verify/signature.go`). The predicate has all of them.
const MOST_EACH: usize = 500;

/// An in-toto statement about a run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Statement {
    #[serde(rename = "_type")]
    pub(super) kind: String,
    /// The evidence first, then the probe, the images, and the pools.
    pub(super) subject: Vec<SignedFile>,
    pub(super) predicate_type: String,
    pub(crate) predicate: Verification,
}

/// The facts that neither the report nor the cases have.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The file of saved evidence.
    pub(crate) evidence: SignedFile,
    /// The SHA-256 of the probe; `None` if the evidence names none, as after a run on several architectures.
    pub(crate) probe: Option<String>,
    /// The policy file; `None` without one.
    pub(crate) policy: Option<SignedFile>,
    /// The step that named the environment.
    pub(crate) named_by: NamedBy,
    /// True if a run for a part was to be undetermined.
    pub(crate) require_whole: bool,
    /// The time of the judgement, in seconds since 1970.
    pub(crate) judged_at: u64,
    /// The life of the attestation, from the start of the run.
    pub(crate) life: Duration,
}

/// The reason why no statement can be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum NotStated {
    #[error("the evidence does not keep the name, the place and the time of its run")]
    NoRun,
    #[error("the attestation would be expired already: its life begins with the run")]
    Expired,
}

impl Statement {
    /// Returns the statement about a judged run.
    pub(crate) fn of(report: &Report, gathered: &Gathered, facts: Facts) -> Result<Self, NotStated> {
        let run = report.run.as_ref().ok_or(NotStated::NoRun)?;
        let verified_at = Time::try_from(run.started_at.clone()).map_err(|_| NotStated::NoRun)?;
        let expires_at = Time::of(verified_at.seconds().saturating_add(facts.life.as_secs()));
        if expires_at.seconds() <= facts.judged_at {
            return Err(NotStated::Expired);
        }
        let [passed_tests, warned_tests, failed_tests, inconclusive_tests] = tests(report);
        let verdict = SignedVerdict::from(report.verdict);
        let predicate = Verification {
            result: TestResult::from(verdict),
            verdict,
            passed_tests,
            warned_tests,
            failed_tests,
            inconclusive_tests,
            score: report.score,
            extent: (&report.extent).into(),
            environment: environment(report.environment.environment),
            environment_named_by: facts.named_by,
            profiles: Some(report.profiles.iter().map(Into::into).collect()),
            only_production: report.only_production,
            require_whole: facts.require_whole,
            policy: facts.policy,
            evidence: facts.evidence.clone(),
            run: run.id.clone(),
            nonces: gathered.nonces.iter().cloned().collect(),
            place: place(&run.place, gathered),
            images: gathered.signed_images(),
            pools: gathered.pools.signed(),
            runtime_classes: matches!(run.place, Place::Cluster { .. }).then(|| proof::classes(report)),
            verified_at,
            judged_at: Time::of(facts.judged_at),
            expires_at,
            controller: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let probe = facts.probe.map(|sha256| named("probe", sha256)).into_iter();
        let images = gathered.images.iter().take(MOST_EACH).map(|(sha256, name)| named(name, sha256.clone()));
        let pools = predicate.pools.iter().take(MOST_EACH).map(|SignedPool { name, digest, .. }| {
            SignedFile { name: format!("pool {name}"), digest: digest.clone() }
        });
        let subject = std::iter::once(facts.evidence).chain(probe).chain(images).chain(pools).collect();
        Ok(Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject,
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate,
        })
    }

    /// Returns the statement as it is signed.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        // The statement has no value that JSON lacks.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn named(name: &str, sha256: String) -> SignedFile {
    SignedFile { name: name.to_owned(), digest: SignedDigest { sha256 } }
}

fn environment(environment: model_v1::Environment) -> Environment {
    match environment {
        model_v1::Environment::Development => Environment::Development,
        model_v1::Environment::Staging => Environment::Staging,
        model_v1::Environment::Production => Environment::Production,
    }
}

fn place(place: &Place, gathered: &Gathered) -> SignedPlace {
    match place.clone() {
        Place::Machine { host, kernel } => {
            SignedPlace::Machine { host, kernel, boot_id: gathered.boot_id.clone() }
        }
        Place::Cluster { server, version, namespace } => SignedPlace::Cluster { server, version, namespace },
    }
}

/// Returns the requirements that passed, warned, failed and are inconclusive.
fn tests(report: &Report) -> [Vec<String>; 4] {
    let (mut met, mut warned, mut failed, mut inconclusive) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for finding in report.sandboxes.iter().flat_map(|sandbox| &sandbox.findings) {
        match (finding.enforcement, finding.is_wanting()) {
            (Enforcement::NotJudged, _) => continue,
            (Enforcement::Blocks, true) => _ = failed.insert(finding.id),
            (Enforcement::Waived | Enforcement::Warns | Enforcement::Shown, true) => {
                _ = warned.insert(finding.id);
            }
            (_, false) if finding.outcome == ReportedOutcome::Met => _ = met.insert(finding.id),
            (_, false) => continue,
        }
        if finding.outcome == ReportedOutcome::Inconclusive {
            inconclusive.insert(finding.id);
        }
    }
    warned.retain(|id| !failed.contains(id));
    met.retain(|id| !failed.contains(id) && !warned.contains(id));
    [met, warned, failed, inconclusive].map(|ids| ids.into_iter().map(str::to_owned).collect())
}
