//! The examination of an attestation: each refusal has a name, and none rests on a text.

use std::{fmt, time::Duration};

use super::{
    ProofRefused, Statement,
    statement::STATEMENT_TYPE,
    verification_v1::{PREDICATE_TYPE, SignedPlace, SignedVerdict, TestResult, Time, Verification},
};
use crate::{
    case::environment::{Environment, Source},
    support::{
        envelope::{self, Unsealed},
        proof::APART,
        signing::PublicKey,
    },
};

/// The demands on an attestation.
#[derive(Clone, Debug)]
pub(crate) struct Demands {
    /// The time, in seconds since 1970.
    pub(crate) now: u64,
    /// The greatest age of the run; `None` for any age within the attestation's life.
    pub(crate) max_age: Option<Duration>,
    /// The environment that the verdict must be for, and who asks for it; a stronger one is accepted, too.
    pub(crate) environment: Option<(Environment, Source)>,
    /// The namespace that the verdict must be for.
    pub(crate) namespace: Option<String>,
    /// The URL of the API server that the verdict must be for.
    pub(crate) server: Option<String>,
    /// True if the verdict must be for the whole.
    pub(crate) whole: bool,
}

/// The reason why an attestation is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    Unsealed(#[from] Unsealed),
    #[error("the signed payload is no statement of a run")]
    NotStatement(#[source] serde_json::Error),
    #[error("the statement is of the type {0:?}, and {STATEMENT_TYPE:?} is read")]
    OtherStatement(String),
    #[error("the statement's predicate is of the type {0:?}, and {PREDICATE_TYPE:?} is read")]
    OtherPredicate(String),
    #[error("the statement contradicts itself: {0}")]
    Contradictory(Contradiction),
    #[error("the attestation expired on {0}")]
    Expired(Stamp),
    #[error("the run begins on {0}, which is in the future")]
    Future(Stamp),
    #[error("the run began on {began}, and --max-age allows {}", humantime::format_duration(*most))]
    TooOld { began: Stamp, most: Duration },
    #[error("the verdict is for {found}, and {by} asks for a stronger environment")]
    OtherEnvironment { found: Environment, by: Source },
    #[error("the verdict is for {}, and --namespace asks for {asked}", found.as_deref().unwrap_or("a machine"))]
    OtherNamespace { found: Option<String>, asked: String },
    #[error("the verdict is for {}, and --server asks for {asked}", found.as_deref().unwrap_or("a machine"))]
    OtherCluster { found: Option<String>, asked: String },
    #[error("the verdict is for a part: flags restricted the run, or left parts out")]
    NotWhole,
    #[error("the attestation is of other evidence: it names the SHA-256 {signed}, and the file has {found}")]
    OtherEvidence { signed: String, found: String },
    #[error("the evidence was judged under another policy file than yours, or under none")]
    OtherPolicy,
    #[error("the evidence does not say what was signed: {0}")]
    Differs(Difference),
    #[error(transparent)]
    Proof(#[from] ProofRefused),
    #[error("the verdict is {}", .0.words())]
    NotReady(SignedVerdict),
}

/// A part of a statement that contradicts another part.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Contradiction {
    #[error("its result is not that of its verdict")]
    Result,
    #[error("its first subject is not its evidence")]
    Subject,
    #[error("it ends before its run begins, or before its judgement")]
    Times,
}

/// The first part in which a statement differs from the evidence that is judged again.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Difference {
    #[error("the run")]
    Run,
    #[error("the place of the run")]
    Place,
    #[error("the time of the run")]
    Time,
    #[error("the verdict")]
    Verdict,
    #[error("the requirements and their outcomes")]
    Tests,
    #[error("the score")]
    Score,
    #[error("the extent")]
    Extent,
    #[error("the environment, or the requirements that were asked for")]
    Strictness,
    #[error("the network profiles")]
    Profiles,
    #[error("the pools or their nodes")]
    Pools,
    #[error("the RuntimeClasses")]
    Classes,
    #[error("the probe or an image")]
    Subjects,
}

/// A time in the words of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stamp(Time);

impl fmt::Display for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Time(time)) = self;
        time.fmt(formatter)
    }
}

/// Returns the statement of an attestation that the key has signed and that fulfils the demands.
pub(crate) fn examine(bundle: &[u8], key: &PublicKey, demands: &Demands) -> Result<Statement, Refusal> {
    let payload = envelope::unseal(key, bundle)?;
    let statement: Statement = serde_json::from_slice(&payload).map_err(Refusal::NotStatement)?;
    if statement.kind != STATEMENT_TYPE {
        return Err(Refusal::OtherStatement(statement.kind));
    }
    if statement.predicate_type != PREDICATE_TYPE {
        return Err(Refusal::OtherPredicate(statement.predicate_type));
    }
    let signed = &statement.predicate;
    if let Some(contradiction) = contradiction(&statement) {
        return Err(Refusal::Contradictory(contradiction));
    }
    if signed.verified_at.seconds() > demands.now.saturating_add(APART) {
        return Err(Refusal::Future(Stamp(signed.verified_at)));
    }
    if signed.expires_at.seconds() <= demands.now {
        return Err(Refusal::Expired(Stamp(signed.expires_at)));
    }
    let age = Duration::from_secs(demands.now.saturating_sub(signed.verified_at.seconds()));
    if let Some(most) = demands.max_age.filter(|most| age > *most) {
        return Err(Refusal::TooOld { began: Stamp(signed.verified_at), most });
    }
    if let Some((_, by)) = demands.environment.as_ref().filter(|(asked, _)| signed.environment < *asked) {
        return Err(Refusal::OtherEnvironment { found: signed.environment, by: by.clone() });
    }
    let (server, namespace) = match &signed.place {
        SignedPlace::Cluster { server, namespace, .. } => (Some(server.clone()), Some(namespace.clone())),
        SignedPlace::Machine { .. } => (None, None),
    };
    if let Some(asked) = demands.namespace.clone().filter(|asked| namespace.as_ref() != Some(asked)) {
        return Err(Refusal::OtherNamespace { found: namespace, asked });
    }
    let bare = |url: &str| url.trim_end_matches('/').to_owned();
    let is_other = |asked: &String| server.as_deref().map(bare) != Some(bare(asked));
    if let Some(asked) = demands.server.clone().filter(is_other) {
        return Err(Refusal::OtherCluster { found: server, asked });
    }
    if demands.whole && !signed.extent.whole {
        return Err(Refusal::NotWhole);
    }
    Ok(statement)
}

fn contradiction(Statement { subject, predicate, .. }: &Statement) -> Option<Contradiction> {
    if TestResult::from(predicate.verdict) != predicate.result {
        Some(Contradiction::Result)
    } else if subject.first() != Some(&predicate.evidence) {
        Some(Contradiction::Subject)
    } else if predicate.expires_at <= predicate.verified_at.max(predicate.judged_at) {
        Some(Contradiction::Times)
    } else {
        None
    }
}

/// Compares what was signed with what the evidence says now. The name of the evidence's file may differ.
pub(crate) fn compare(signed: &Statement, again: &Statement) -> Result<(), Refusal> {
    let subjects = |statement: &Statement| {
        let mut subjects = statement.subject.clone();
        if let Some(evidence) = subjects.first_mut() {
            evidence.name.clear();
        }
        subjects
    };
    let (one, two) = (&signed.predicate, &again.predicate);
    let tests = |it: &Verification| {
        [&it.passed_tests, &it.warned_tests, &it.failed_tests, &it.inconclusive_tests].map(Clone::clone)
    };
    let strictness = |it: &Verification| (it.environment, it.only_production, it.require_whole);
    let differences = [
        (one.run != two.run || one.nonces != two.nonces, Difference::Run),
        (one.place != two.place, Difference::Place),
        (one.verified_at != two.verified_at, Difference::Time),
        (one.verdict != two.verdict, Difference::Verdict),
        (tests(one) != tests(two), Difference::Tests),
        (one.score != two.score, Difference::Score),
        (one.extent != two.extent, Difference::Extent),
        (strictness(one) != strictness(two), Difference::Strictness),
        (one.profiles.is_some() && one.profiles != two.profiles, Difference::Profiles),
        (one.pools != two.pools, Difference::Pools),
        (one.runtime_classes.is_some() && one.runtime_classes != two.runtime_classes, Difference::Classes),
        (one.images != two.images || subjects(signed) != subjects(again), Difference::Subjects),
    ];
    match differences.into_iter().find(|(differs, _)| *differs) {
        Some((_, difference)) => Err(Refusal::Differs(difference)),
        None => Ok(()),
    }
}

impl Verification {
    /// Refuses a verdict that opens no gate.
    pub(crate) fn demand_ready(&self) -> Result<(), Refusal> {
        match self.verdict {
            SignedVerdict::Ready | SignedVerdict::ReadyWithWarnings => Ok(()),
            verdict @ (SignedVerdict::NotReady | SignedVerdict::Undetermined) => {
                Err(Refusal::NotReady(verdict))
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
