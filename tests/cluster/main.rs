//! Tests in a real Kubernetes cluster. Tests run one after the other; rows of a batch, and tests that keep to their own namespaces,
//! beside each other. The first test that runs starts the cluster; after the last one the cluster ends, and anything that is left
//! of it is a failure.
//!
//! Without root every test is skipped aloud and counted; in CI that is a failure.
#![forbid(unsafe_code)]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends here"
)]

mod admission;
mod bystanders;
mod cases;
mod connections;
mod deployed;
mod doctor;
mod endings;
mod faults;
mod gate;
mod hostile;
mod images;
mod interruptions;
mod live;
mod makers;
mod meanwhile;
mod nodes;
mod outside;
mod permissions;
mod policies;
mod recorded;
mod renewal;
mod router;
mod rows;
mod runtimes;
mod scene;
mod suite;
mod thrift;
mod trouble;
mod watch;

use std::{
    collections::BTreeSet,
    io::{Write, stderr},
    process::ExitCode,
};

use libtest_mimic::{Arguments, Trial};
use stage::run;
use suite::{Batch, Selection, Suite, Test};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let root = nix::unistd::geteuid().is_root();
    // Names can be listed by anybody.
    if !root && !arguments.list {
        _ = writeln!(stderr(), "SKIPPING ALL CLUSTER TESTS: they need root: run `make cluster-test`");
        if std::env::var_os("CI").is_some() {
            return ExitCode::FAILURE;
        }
    }
    let suite = Suite::new(&arguments, root);
    let trials = trials(&suite);
    let mut names = BTreeSet::new();
    for trial in &trials {
        assert!(names.insert(trial.name().to_owned()), "two tests have the name {:?}", trial.name());
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let left = suite.end();
    for leftover in &left {
        _ = writeln!(stderr(), "LEFT BEHIND: {leftover}");
    }
    if left.is_empty() { conclusion.exit_code() } else { ExitCode::FAILURE }
}

/// Tests that keep to their own namespaces, the longest first. Those that take turns at the same names are far from each other.
const BESIDE: &[&[Test]] = &[
    renewal::TESTS,
    watch::TESTS,
    gate::TESTS,
    permissions::TESTS,
    live::TESTS,
    live::disturbances::TESTS,
    renewal::SIGNED,
    live::memory::TESTS,
    live::secrets::TESTS,
    live::traffic::TESTS,
    admission::TESTS,
    trouble::TESTS,
    interruptions::OF_ONE_RUN,
    hostile::TESTS,
    deployed::TESTS,
    doctor::TESTS,
    images::TESTS,
    connections::TESTS,
];

/// Returns every trial, in the order in which they run. Those that wait for nodes and deadlines come first: CI computes beside
/// them, and the others compute themselves.
fn trials(suite: &Suite) -> Vec<Trial> {
    let parts = [
        suite.tests(interruptions::TESTS),
        suite.batch(interruptions::signals()),
        suite.tests(live::disturbances::OF_NODES),
        suite.tests(watch::OF_NODES),
        suite.tests(nodes::TESTS),
        suite.tests(meanwhile::TESTS),
        suite.tests(runtimes::TESTS),
        suite.tests(policies::TESTS),
        suite.tests(cases::TESTS),
        suite.batch(rows::batch()),
        suite.batch(rows::routed()),
        suite.tests(router::TESTS),
        suite.tests(bystanders::TESTS),
        suite.tests(thrift::TESTS),
        suite.tests(recorded::TESTS),
        suite.tests(admission::OF_WEBHOOKS),
        suite.batch(admission::changes()),
        suite.batch(admission::platforms()),
        suite.batch(permissions::batch()),
        suite.batch(makers::batch()),
        suite.batch(live::differences::batch()),
        suite.beside(BESIDE),
        suite.tests(outside::TESTS),
        suite.tests_with(run::controller_of_both().and_then(|_| run::probes_of_both()), images::OF_BOTH),
        suite.tests(faults::TESTS),
        suite.tests(endings::TESTS),
    ];
    parts.into_iter().flatten().collect()
}
