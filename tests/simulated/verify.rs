//! `controller verify --namespace` without faults.

use crate::{
    cluster::{CONTROL, DIGEST, NAMESPACE},
    enumeration::requests,
    fault::Fault,
    simulation::Simulation,
};

/// The words of a run without control pods.
pub(crate) const PLAIN: &[&str] = &[
    "verify",
    "--namespace",
    NAMESPACE,
    "--image",
    "registry.example/probe:1",
    "--image-digest",
    DIGEST,
    "--environment",
    "production",
    "--quiet",
    "--timeout",
    "60s",
    "--output",
    "json",
];

/// Returns the words of a run with control pods.
pub(crate) fn with_control() -> Vec<&'static str> {
    [PLAIN, &["--control-namespace", CONTROL]].concat()
}

#[test]
fn a_hardened_namespace_is_ready_beside_a_control_pod() {
    let (ended, _) = Simulation::new(1).run(&with_control(), &[]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
}

#[test]
fn without_a_control_pod_the_network_is_inconclusive() {
    let (ended, _) = Simulation::new(1).run(PLAIN, &[]);
    assert_eq!(ended.code, Some(3), "{} {}", ended.errors, ended.output);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let [first, second] = [1, 1].map(|seed| Simulation::new(seed).run(&with_control(), &[]));
    assert_eq!(first.0, second.0);
    assert_eq!(first.1.requests(), second.1.requests());
}

#[test]
fn a_conflict_at_the_creation_is_no_refusal() {
    let asked = requests(&with_control());
    let creation = asked.iter().position(|it| it.contains("POST") && it.contains("dryRun")).unwrap();
    let (ended, _) = Simulation::new(1).run(&with_control(), &[(creation, Fault::Status(409))]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
}
