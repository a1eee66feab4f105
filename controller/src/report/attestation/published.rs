//! A published proof and its attestation: anybody who may write the proof may change its keys, and nobody else can sign.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::verification_v1::{SignedPlace, SignedPool, Verification};
use crate::{
    report::model_v1::Verdict,
    support::{digest::sha256, proof},
};

/// A published proof: the `ConfigMap` as `kubectl get --output json` prints it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PublishedProof {
    #[serde(default)]
    data: BTreeMap<String, String>,
}

/// The form of a pool in a proof.
#[derive(Deserialize)]
struct Pool {
    pool: String,
    digest: String,
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

    /// Refuses a proof whose keys do not say what was signed. Its times are those of the API server, and are not compared.
    pub(crate) fn compare(&self, signed: &Verification) -> Result<(), ProofRefused> {
        let namespace = match &signed.place {
            SignedPlace::Cluster { namespace, .. } => namespace.clone(),
            SignedPlace::Machine { .. } => String::new(),
        };
        let policy = signed.policy.as_ref().map(|policy| policy.digest.sha256.clone());
        let texts = [
            (proof::VERDICT, Some(Verdict::from(signed.verdict).id().to_owned())),
            (proof::ENVIRONMENT, Some(signed.environment.to_string())),
            (proof::NAMESPACE, Some(namespace)),
            (proof::WHOLE, Some(signed.extent.whole.to_string())),
            (proof::RUN, Some(signed.run.clone())),
            (proof::EVIDENCE_DIGEST, Some(signed.evidence.digest.sha256.clone())),
            (proof::POLICY_DIGEST, policy),
        ];
        if let Some((key, _)) = texts.iter().find(|(key, text)| self.key(key) != text.as_deref()) {
            return Err(ProofRefused::Differs(key));
        }
        let pools = serde_json::from_str(self.key(proof::POOLS).unwrap_or_default()).unwrap_or_default();
        if is_of(pools, &signed.pools) { Ok(()) } else { Err(ProofRefused::Differs(proof::POOLS)) }
    }

    fn key(&self, key: &str) -> Option<&str> {
        self.data.get(key).map(String::as_str)
    }
}

/// Returns true if a proof has these pools, each with the same nodes and boot ids.
fn is_of(pools: Option<Vec<Pool>>, signed: &[SignedPool]) -> bool {
    let Some(pools) = pools else { return false };
    let signed = signed.iter().map(|pool| (pool.name.as_str(), pool.digest.sha256.as_str()));
    pools.iter().map(|it| (it.pool.as_str(), it.digest.as_str())).eq(signed)
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

    /// Returns the published proof of the run that was signed.
    fn proof(change: impl FnOnce(&mut BTreeMap<String, String>)) -> PublishedProof {
        let (record, policy) = (tests::record(), tests::policy());
        let gathered = Gathered::of(&record);
        let evidence = Some(tests::facts().evidence.digest.sha256);
        let files = Files { evidence, policy: None, bundle: Some(BUNDLE.to_owned()) };
        let proof = Proof::of(&Report::of(&record, &policy), &gathered.pools).unwrap().with(files);
        let mut data: BTreeMap<_, _> = proof.content.into_iter().chain(proof.origin).collect();
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
            proof::RUN,
            proof::EVIDENCE_DIGEST,
            proof::POLICY_DIGEST,
            proof::POOLS,
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
        let boots = |data: &mut BTreeMap<String, String>| {
            let pools = data.get_mut(proof::POOLS).unwrap();
            *pools = pools.replace("\"digest\":\"", "\"digest\":\"0");
        };
        let refused = proof(boots).compare(&tests::statement().predicate);
        assert!(matches!(refused, Err(ProofRefused::Differs(proof::POOLS))), "{refused:?}");
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
