//! The names in a published proof: its object and its keys, which the gate's policy reads; and how a proof's verdict and time are read.

use std::time::Duration;

/// The ids of the verdicts that open a gate.
pub(crate) const PASSING: [&str; 2] = ["ready", "ready-with-warnings"];
/// How far the times of two API servers may be apart: those of one cluster have clocks of their own.
pub(crate) const SKEW: Duration = Duration::from_mins(1);

/// The most seconds by which the clocks of two machines may differ: the one that signed, and the API server's or that of the person who
/// checks.
pub(crate) const APART: u64 = 300;

/// The key of the verdict's id.
pub(crate) const VERDICT: &str = "verdict";
/// The key of the environment that the run was judged for.
pub(crate) const ENVIRONMENT: &str = "environment";
/// The key of the namespace that was judged.
pub(crate) const NAMESPACE: &str = "namespace";
/// The key of "true" for a run of the whole namespace.
pub(crate) const WHOLE: &str = "whole";
/// The key of the RuntimeClasses that were judged, with a comma between two.
pub(crate) const CLASSES: &str = "runtimeClasses";
/// The key of the network profiles with a semicolon between two: each has its name, and behind a colon the destinations that it allows,
/// with a comma between two.
pub(crate) const PROFILES: &str = "profiles";
/// The key of the time of the evidence, by the API server's clock.
pub(crate) const VERIFIED_AT: &str = "verifiedAt";
/// The key of the time at which the proof ends.
pub(crate) const EXPIRES_AT: &str = "expiresAt";

/// The key of the pools with their nodes.
pub(crate) const POOLS: &str = "pools";
/// The key of the run's name.
pub(crate) const RUN: &str = "run";
/// The key of the SHA-256 of the policy file.
pub(crate) const POLICY_DIGEST: &str = "policyDigest";
/// The key of the SHA-256 of the saved evidence.
pub(crate) const EVIDENCE_DIGEST: &str = "evidenceDigest";
/// The key of the signed attestation, a sigstore bundle.
pub(crate) const BUNDLE: &str = "bundle";
/// The key of the attestation's SHA-256.
pub(crate) const BUNDLE_DIGEST: &str = "bundleDigest";

/// Returns the name of the ConfigMap with the proof of a namespace.
pub(crate) fn name(namespace: &str) -> String {
    format!("podproof-proof-{namespace}")
}
