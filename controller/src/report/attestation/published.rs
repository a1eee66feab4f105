//! A published proof and its attestation: anybody who may write the proof may change its keys, and nobody else can sign.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::verification_v1::{SignedPlace, SignedPool, Time, Verification};
use crate::{
    report::model_v1::Verdict,
    support::{
        digest::sha256,
        proof::{self, APART},
    },
};

/// A published proof: the `ConfigMap` as `kubectl get --output json` prints it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PublishedProof {
    #[serde(default)]
    data: BTreeMap<String, String>,
}

/// The form of a pool in a proof.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pool {
    #[serde(rename = "pool")]
    name: String,
    nodes: usize,
    digest: String,
    /// The nodes with their boot ids; `None` where the list was too long.
    boots: Option<BTreeMap<String, String>>,
}

/// The reason why a published proof is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProofRefused {
    #[error("the file holds no ConfigMap in JSON")]
    NotProof(#[source] serde_json::Error),
    #[error("the proof is not signed: it holds no attestation")]
    Unsigned,
    #[error("the proof has only the SHA-256 of its attestation, which is too long for it")]
    DigestOnly,
    #[error("the proof is of another attestation: it names the SHA-256 {named}, and the bundle has {found}")]
    OtherBundle { named: String, found: String },
    #[error("the proof does not say what was signed: its `{0}` differs")]
    Differs(&'static str),
    #[error("the attestation does not sign the proof's `{}`: an older controller made it", proof::CLASSES)]
    ClassesUnsigned,
    #[error("the proof's `{}` is {found}, and the signed run began at {signed}", proof::VERIFIED_AT)]
    OtherTime { found: Timestamp, signed: Timestamp },
    #[error(
        "the proof's `{}` is {found:#} after its `{}`, and {signed:#} were signed",
        proof::EXPIRES_AT,
        proof::VERIFIED_AT
    )]
    OtherLife { found: SignedDuration, signed: SignedDuration },
}

impl PublishedProof {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ProofRefused> {
        serde_json::from_slice(bytes).map_err(ProofRefused::NotProof)
    }

    /// Returns the proof's attestation: its own, or the given one if the proof names it.
    pub(crate) fn bundle(&self, given: Option<Vec<u8>>) -> Result<Vec<u8>, ProofRefused> {
        let named = self.key(proof::BUNDLE_DIGEST);
        let named = named.ok_or(ProofRefused::Unsigned)?;
        let own = || self.key(proof::BUNDLE).map(|own| own.as_bytes().to_vec());
        let bundle = given.or_else(own).ok_or(ProofRefused::DigestOnly)?;
        let found = sha256(&bundle);
        if named == found {
            Ok(bundle)
        } else {
            Err(ProofRefused::OtherBundle { named: named.to_owned(), found })
        }
    }

    /// Refuses a proof whose keys do not say what was signed.
    pub(crate) fn compare(&self, signed: &Verification) -> Result<(), ProofRefused> {
        let namespace = match &signed.place {
            SignedPlace::Cluster { namespace, .. } => namespace.clone(),
            SignedPlace::Machine { .. } => String::new(),
        };
        let classes = signed.runtime_classes.clone().ok_or(ProofRefused::ClassesUnsigned)?;
        let policy = signed.policy.as_ref().map(|policy| policy.digest.sha256.clone());
        let texts = [
            (proof::VERDICT, Some(Verdict::from(signed.verdict).id().to_owned())),
            (proof::ENVIRONMENT, Some(signed.environment.to_string())),
            (proof::NAMESPACE, Some(namespace)),
            (proof::WHOLE, Some(signed.extent.whole.to_string())),
            (proof::CLASSES, Some(classes)),
            (proof::PROFILES, signed.profiles()),
            (proof::RUN, Some(signed.run.clone())),
            (proof::EVIDENCE_DIGEST, Some(signed.evidence.digest.sha256.clone())),
            (proof::POLICY_DIGEST, policy),
        ];
        if let Some((key, _)) = texts.iter().find(|(key, text)| self.key(key) != text.as_deref()) {
            return Err(ProofRefused::Differs(key));
        }
        let pools = serde_json::from_str(self.key(proof::POOLS).unwrap_or_default()).unwrap_or_default();
        if !is_of(pools, &signed.pools) {
            return Err(ProofRefused::Differs(proof::POOLS));
        }
        self.compare_times(signed)
    }

    /// Compares the proof's times, which are those of the API server's clock, with the signed ones, which are those of the run's machine.
    /// A proof that closes the gate may have a later time than its run: that of the proof that it replaced.
    fn compare_times(&self, signed: &Verification) -> Result<(), ProofRefused> {
        let time = |key| {
            let time = self.key(key).and_then(|time| time.parse::<Timestamp>().ok());
            time.ok_or(ProofRefused::Differs(key))
        };
        let (verified, expires) = (time(proof::VERIFIED_AT)?, time(proof::EXPIRES_AT)?);
        let (Time(began), Time(ends)) = (signed.verified_at, signed.expires_at);
        let (found, life) = (expires.duration_since(verified), ends.duration_since(began));
        if found.as_secs() != life.as_secs() {
            return Err(ProofRefused::OtherLife { found, signed: life });
        }
        let later = verified.duration_since(began);
        let may_be_later = !Verdict::from(signed.verdict).passes() && later.is_positive();
        if may_be_later || later.as_secs().unsigned_abs() <= APART {
            Ok(())
        } else {
            Err(ProofRefused::OtherTime { found: verified, signed: began })
        }
    }

    fn key(&self, key: &str) -> Option<&str> {
        self.data.get(key).map(String::as_str)
    }
}

/// Returns true if a proof has these pools, each with the same nodes and boot ids.
fn is_of(pools: Option<Vec<Pool>>, signed: &[SignedPool]) -> bool {
    let Some(pools) = pools else { return false };
    let is_same = |(pool, signed): (&Pool, &SignedPool)| {
        pool.name == signed.name
            && pool.nodes == signed.boots.len()
            && pool.digest == signed.digest.sha256
            && pool.boots.as_ref().is_none_or(|boots| *boots == signed.boots)
    };
    pools.len() == signed.len() && pools.iter().zip(signed).all(is_same)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::{
        Report,
        attestation::{Gathered, refusal::tests},
        proof::{Files, Proof},
    };

    const BUNDLE: &str = "{}";

    /// Returns the times of a proof that is later than the signed run, and its end; both in seconds.
    fn times(later: i64, life: u64) -> (String, String) {
        let verified = Time::of(tests::BEGAN.saturating_add_signed(later));
        let stamp = |Time(time): Time| time.to_string();
        (stamp(verified), stamp(Time::of(verified.seconds() + life)))
    }

    fn at((verified, expires): (String, String)) -> PublishedProof {
        proof(|data| {
            data.extend([(proof::VERIFIED_AT.to_owned(), verified), (proof::EXPIRES_AT.to_owned(), expires)]);
        })
    }

    /// Returns the published proof of the run that was signed.
    fn proof(change: impl FnOnce(&mut BTreeMap<String, String>)) -> PublishedProof {
        let (record, policy) = (tests::record(), tests::policy());
        let gathered = Gathered::of(&record);
        let evidence = Some(tests::facts().evidence.digest.sha256);
        let files = Files { evidence, policy: None, bundle: Some(BUNDLE.to_owned()) };
        let proof = Proof::of(&Report::of(&record, &policy), &gathered.pools).unwrap().with(files);
        let mut data: BTreeMap<_, _> = proof.content.into_iter().chain(proof.origin).collect();
        let (verified, expires) = times(0, tests::DAY);
        data.extend([(proof::VERIFIED_AT.to_owned(), verified), (proof::EXPIRES_AT.to_owned(), expires)]);
        change(&mut data);
        PublishedProof::read(json!({ "kind": "ConfigMap", "data": data }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_proof_says_what_was_signed_for_its_run() {
        let proof = proof(|_| ());
        assert_eq!(proof.bundle(None).unwrap(), BUNDLE.as_bytes());
        assert_eq!(proof.bundle(Some(BUNDLE.into())).unwrap(), BUNDLE.as_bytes());
        proof.compare(&tests::statement().predicate).unwrap();
    }

    #[test]
    fn each_changed_key_of_a_proof_is_named() {
        for key in [
            proof::VERDICT,
            proof::ENVIRONMENT,
            proof::NAMESPACE,
            proof::WHOLE,
            proof::CLASSES,
            proof::PROFILES,
            proof::RUN,
            proof::EVIDENCE_DIGEST,
            proof::POLICY_DIGEST,
            proof::POOLS,
            proof::VERIFIED_AT,
            proof::EXPIRES_AT,
        ] {
            let changed = proof(|data| _ = data.insert(key.to_owned(), "other".to_owned()));
            let refused = changed.compare(&tests::statement().predicate);
            assert!(
                matches!(refused, Err(ProofRefused::Differs(named)) if named == key),
                "{key}: {refused:?}"
            );
        }
    }

    #[test]
    fn another_node_of_a_pool_is_refused() {
        for (from, to) in [
            ("\"digest\":\"", "\"digest\":\"0"),
            ("\"nodes\":", "\"nodes\":1"),
            ("\"boots\":{\"", "\"boots\":{\"another-"),
            ("\"boots\":", "\"more\":1,\"boots\":"),
        ] {
            let changed = proof(|data| {
                let pools = data.get_mut(proof::POOLS).unwrap();
                assert!(pools.contains(from), "{pools}");
                *pools = pools.replace(from, to);
            });
            let refused = changed.compare(&tests::statement().predicate);
            assert!(matches!(refused, Err(ProofRefused::Differs(proof::POOLS))), "{from}: {refused:?}");
        }
    }

    #[test]
    fn a_proof_of_many_nodes_has_no_list_of_them() {
        let short = proof(|data| {
            let mut pools: Vec<serde_json::Value> = serde_json::from_str(&data[proof::POOLS]).unwrap();
            for pool in &mut pools {
                pool.as_object_mut().unwrap().remove("boots").unwrap();
            }
            data.insert(proof::POOLS.to_owned(), json!(pools).to_string());
        });
        short.compare(&tests::statement().predicate).unwrap();
    }

    #[test]
    fn a_proof_of_an_attestation_without_its_runtime_classes_is_refused_by_name() {
        let mut older = tests::statement().predicate;
        older.runtime_classes = None;
        let refused = proof(|_| ()).compare(&older);
        assert!(matches!(refused, Err(ProofRefused::ClassesUnsigned)), "{refused:?}");
    }

    /// Returns a predicate with this verdict, and the proof's verdict set alike.
    fn compared(verdict: Verdict, times: (String, String)) -> Result<(), ProofRefused> {
        let mut signed = tests::statement().predicate;
        signed.verdict = verdict.into();
        let mut proof = at(times);
        proof.data.insert(proof::VERDICT.to_owned(), verdict.id().to_owned());
        proof.compare(&signed)
    }

    #[test]
    fn the_time_of_a_proof_is_that_of_its_run_but_for_the_clocks() {
        let most = i64::try_from(APART).unwrap();
        for verdict in [Verdict::Ready, Verdict::ReadyWithWarnings] {
            for (later, accepted) in
                [(0, true), (most, true), (-most, true), (most + 1, false), (-most - 1, false)]
            {
                let found = compared(verdict, times(later, tests::DAY));
                assert_eq!(found.is_ok(), accepted, "{later}: {found:?}");
                assert!(accepted || matches!(found, Err(ProofRefused::OtherTime { .. })), "{found:?}");
            }
        }
    }

    #[test]
    fn a_proof_that_closes_the_gate_may_have_a_later_time() {
        let most = i64::try_from(APART).unwrap();
        for verdict in [Verdict::NotReady, Verdict::Undetermined] {
            compared(verdict, times(most + 3600, tests::DAY)).unwrap();
            let earlier = compared(verdict, times(-most - 1, tests::DAY));
            assert!(matches!(earlier, Err(ProofRefused::OtherTime { .. })), "{earlier:?}");
        }
    }

    #[test]
    fn a_proof_lives_as_long_as_was_signed() {
        for verdict in [Verdict::Ready, Verdict::NotReady] {
            for life in [tests::DAY - 1, tests::DAY + 1] {
                let found = compared(verdict, times(0, life));
                assert!(matches!(found, Err(ProofRefused::OtherLife { .. })), "{life}: {found:?}");
            }
        }
    }

    #[test]
    fn a_part_of_a_second_is_no_other_time() {
        let (verified, expires) = times(0, tests::DAY);
        let part = |time: &str| time.replace('Z', ".25Z");
        at((part(&verified), part(&expires))).compare(&tests::statement().predicate).unwrap();
    }

    #[test]
    fn a_proof_without_its_attestation_is_refused_by_name() {
        let unsigned = |data: &mut BTreeMap<String, String>| {
            data.retain(|key, _| ![proof::BUNDLE, proof::BUNDLE_DIGEST].contains(&key.as_str()));
        };
        assert!(matches!(proof(unsigned).bundle(None), Err(ProofRefused::Unsigned)));
        assert!(matches!(proof(unsigned).bundle(Some(BUNDLE.into())), Err(ProofRefused::Unsigned)));
        let bare = |data: &mut BTreeMap<String, String>| _ = data.remove(proof::BUNDLE);
        assert!(matches!(proof(bare).bundle(None), Err(ProofRefused::DigestOnly)));
        assert!(proof(bare).bundle(Some(BUNDLE.into())).is_ok());
        let other = proof(|_| ()).bundle(Some("other".into()));
        assert!(matches!(other, Err(ProofRefused::OtherBundle { .. })));
    }

    #[test]
    fn a_proof_that_names_no_digest_of_its_bundle_is_refused() {
        let nameless = |data: &mut BTreeMap<String, String>| _ = data.remove(proof::BUNDLE_DIGEST);
        assert!(proof(nameless).bundle(None).is_err());
    }

    #[test]
    fn a_file_of_another_kind_is_no_proof() {
        for text in ["", "7", "{\"data\": 7}"] {
            assert!(
                matches!(PublishedProof::read(text.as_bytes()), Err(ProofRefused::NotProof(_))),
                "{text}"
            );
        }
    }
}
