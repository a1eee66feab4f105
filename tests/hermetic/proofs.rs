//! Published proofs with an attestation: anybody who may write the proof may change its keys, and `attest verify` names the change.

use std::fs;

use controller::support::digest::sha256;
use serde_json::{Value, json};
use stage::Ended;

use crate::attestations::Signed;

/// Returns the keys of the signed run's proof, as `verify --publish` writes them.
fn keys(signed: &Signed) -> Value {
    let predicate = signed.statement()["predicate"].take();
    let pools = predicate["pools"].as_array().unwrap().iter();
    let pools: Vec<_> = pools
        .map(|pool| json!({ "pool": pool["name"], "nodes": pool["boots"].as_object().unwrap().len(), "digest": pool["digest"]["sha256"] }))
        .collect();
    let bundle = fs::read_to_string(&signed.bundle).unwrap();
    json!({
        "verdict": predicate["verdict"],
        "environment": predicate["environment"],
        "namespace": predicate["place"]["namespace"],
        "whole": predicate["extent"]["whole"].to_string(),
        "runtimeClasses": predicate["runtimeClasses"],
        "profiles": predicate["profiles"][0]["kind"],
        "verifiedAt": predicate["verifiedAt"],
        "expiresAt": predicate["expiresAt"],
        "pools": serde_json::to_string(&pools).unwrap(),
        "run": predicate["run"],
        "evidenceDigest": predicate["evidence"]["digest"]["sha256"],
        "bundleDigest": sha256(bundle.as_bytes()),
        "bundle": bundle,
    })
}

/// Verifies a proof with these keys.
fn verified(signed: &Signed, data: &Value, words: &[&str]) -> Ended {
    let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": data });
    let proof = signed.put("proof.json", object.to_string()).display().to_string();
    let own = ["attest", "verify", "--proof", &proof, "--key", &signed.public];
    stage::run::run(&[&own[..], words].concat(), stage::Ground::new().path(), &[])
}

#[test]
fn a_signed_proof_is_accepted_with_its_evidence() {
    let signed = Signed::new("1-cluster", &[]);
    assert_eq!(signed.statement()["predicate"]["runtimeClasses"], "gvisor");
    for words in [&[][..], &["--require-ready", "--evidence", &signed.evidence], &[&signed.bundle]] {
        let accepted = verified(&signed, &keys(&signed), words);
        assert_eq!(accepted.code(), Some(0), "{words:?}: {accepted:#?}");
    }
}

#[test]
fn a_changed_key_of_a_proof_is_refused_by_its_name() {
    let signed = Signed::new("1-cluster-not-ready", &[]);
    for (key, value) in [
        ("verdict", "ready"),
        ("run", "podproof-ffffffff"),
        ("pools", "[]"),
        ("runtimeClasses", "gvisor,kata,unsafe"),
        ("profiles", "allow-list:169.254.169.254"),
        ("verifiedAt", "today"),
    ] {
        let mut data = keys(&signed);
        data[key] = value.into();
        let refused = verified(&signed, &data, &[]);
        assert_eq!(refused.code(), Some(1), "{refused:#?}");
        assert!(refused.err.contains(&format!("its `{key}` differs")), "{}", refused.err);
    }
}

#[test]
fn a_ready_proof_that_is_made_younger_or_longer_is_refused_by_name() {
    let signed = Signed::new("1-cluster", &[]);
    let hours = |time: &Value, hours: i64| {
        let time: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
        time.checked_add(jiff::SignedDuration::from_hours(hours)).unwrap().to_string()
    };
    for (younger, longer, said) in [(1, 0, "and the signed run began at"), (0, 1, "were signed")] {
        let mut data = keys(&signed);
        data["verifiedAt"] = hours(&data["verifiedAt"], younger).into();
        data["expiresAt"] = hours(&data["expiresAt"], younger + longer).into();
        let refused = verified(&signed, &data, &["--require-ready"]);
        assert_eq!(refused.code(), Some(1), "{refused:#?}");
        assert!(refused.err.contains(said) && refused.err.contains("help:"), "{}", refused.err);
    }
}

#[test]
fn a_proof_without_its_attestation_is_refused_by_name() {
    let signed = Signed::new("1-cluster", &[]);
    for (gone, said) in [
        (&["bundle"][..], "has only the SHA-256 of its attestation"),
        (&["bundle", "bundleDigest"], "is not signed"),
    ] {
        let mut data = keys(&signed);
        data.as_object_mut().unwrap().retain(|key, _| !gone.contains(&key.as_str()));
        let refused = verified(&signed, &data, &[]);
        assert_eq!(refused.code(), Some(1), "{refused:#?}");
        assert!(refused.err.contains(said) && refused.err.contains("help:"), "{}", refused.err);
    }
}
