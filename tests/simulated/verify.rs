//! `controller verify --namespace` without faults.

use crate::{
    cluster::{CONTROL, DIGEST, NAMESPACE},
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
fn a_hardened_namespace_is_ready_with_control() {
    let (ended, _) = Simulation::new(1).run(&with_control(), &[]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
}

#[test]
fn a_hardened_namespace_without_control() {
    let (ended, _) = Simulation::new(1).run(PLAIN, &[]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let [first, second] = [1, 1].map(|seed| Simulation::new(seed).run(&with_control(), &[]));
    assert_eq!(first.0, second.0);
    assert_eq!(first.1.requests(), second.1.requests());
    let began = std::time::Instant::now();
    for _ in 0..20 {
        Simulation::new(1).run(&with_control(), &[]);
    }
    eprintln!("20 runs in {:?}", began.elapsed());
}
