//! The comparison of an attestation with its evidence, which is judged again as it was judged for the signature.

use std::{path::Path, time::Duration};

use jiff::tz::TimeZone;

use super::{
    args::{evidence, policy},
    evidence::Reader,
    score::{NotJudged, judged_under},
    signing::{signed_file, signed_policy},
};
use crate::{
    report::attestation::{
        Difference, Facts, Gathered, Refusal, Statement, compare,
        verification_v1::{NamedBy, SignedFile, Time},
    },
    support::digest::sha256,
};

/// The reason why an attestation and its evidence do not agree.
#[derive(Debug)]
pub(super) enum NotCompared {
    Refusal(Refusal),
    NotJudged(NotJudged),
}

/// Compares a signed statement with the evidence in a file.
pub(super) fn compared(signed: &Statement, path: &Path, file: &policy::File) -> Result<(), NotCompared> {
    let accepted = evidence::Arguments { max_age: None, mixed: false };
    let mut reader = Reader::new(accepted);
    let unread = |unread| NotCompared::NotJudged(NotJudged::Evidence(unread));
    let bytes = Reader::read(path).map_err(unread)?;
    let found = sha256(&bytes);
    let predicate = &signed.predicate;
    if predicate.evidence.digest.sha256 != found {
        let signed = predicate.evidence.digest.sha256.clone();
        return Err(NotCompared::Refusal(Refusal::OtherEvidence { signed, found }));
    }
    let sources = sources(predicate.policy.as_ref(), file)?;
    let Time(judged_at) = predicate.judged_at;
    let policy = sources.policy_as(
        predicate.environment,
        predicate.only_production,
        predicate.require_whole,
        judged_at.to_zoned(TimeZone::UTC).date(),
    );
    let mut opened = reader.open_bytes(path, bytes).map_err(unread)?;
    let recorded = &mut opened.record.environment.environment;
    if predicate.environment_named_by == NamedBy::Run && *recorded != predicate.environment {
        return Err(NotCompared::Refusal(Refusal::Differs(Difference::Strictness)));
    }
    *recorded = predicate.environment;
    let probe = opened.provenance.probe.clone();
    let mut gathered = Gathered::default();
    let report = judged_under(opened, &policy, predicate.environment_named_by, Some(&mut gathered))
        .map_err(NotCompared::NotJudged)?;
    let life = predicate.expires_at.seconds().saturating_sub(predicate.verified_at.seconds());
    let facts = Facts {
        evidence: signed_file(path, found),
        probe,
        policy: signed_policy(&sources),
        named_by: predicate.environment_named_by,
        require_whole: policy.require_whole,
        judged_at: predicate.judged_at.seconds(),
        life: Duration::from_secs(life),
    };
    let again = Statement::of(&report, &gathered, facts)
        .map_err(|_| NotCompared::Refusal(Refusal::Differs(Difference::Run)))?;
    compare(signed, &again).map_err(NotCompared::Refusal)
}

/// Returns the policy file of the judgement, if there was one. Another file is refused.
fn sources(signed: Option<&SignedFile>, file: &policy::File) -> Result<policy::Sources, NotCompared> {
    let other = || NotCompared::Refusal(Refusal::OtherPolicy);
    let refused = |refused| NotCompared::NotJudged(NotJudged::Policy(refused));
    let Some(signed) = signed else {
        return if file.is_named() { Err(other()) } else { Ok(policy::Sources::default()) };
    };
    let sources = file.sources().map_err(refused)?;
    let found = signed_policy(&sources).map(|found| found.digest);
    if found.as_ref() == Some(&signed.digest) { Ok(sources) } else { Err(other()) }
}
