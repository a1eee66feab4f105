//! Tests in a real Kubernetes cluster, one after the other. The first that runs starts it; at the end it is ended, and
//! whatever is left of it is a failure.
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
mod connections;
mod deployed;
mod endings;
mod faults;
mod images;
mod interruptions;
mod makers;
mod meanwhile;
mod nodes;
mod outside;
mod permissions;
mod policies;
mod rows;
mod runtimes;
mod scene;
mod trouble;

use std::{
    io::{Write, stderr},
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use libtest_mimic::{Arguments, Failed, Trial};
use stage::{Cluster, attempt, cluster::Options};

/// What a test is called, and what it does with the cluster that all share.
type Test = (&'static str, fn(&Cluster));

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let root = nix::unistd::geteuid().is_root();
    if !root {
        _ = writeln!(stderr(), "SKIPPING ALL CLUSTER TESTS: they need root: run `make cluster-test`");
        if std::env::var_os("CI").is_some() {
            return ExitCode::FAILURE;
        }
    }
    let shared = Arc::new(OnceLock::new());
    let tests = [
        runtimes::TESTS,
        policies::TESTS,
        rows::TESTS,
        bystanders::TESTS,
        admission::TESTS,
        permissions::TESTS,
        makers::TESTS,
        nodes::TESTS,
        connections::TESTS,
        trouble::TESTS,
        interruptions::TESTS,
        meanwhile::TESTS,
        deployed::TESTS,
        outside::TESTS,
        images::TESTS,
        faults::TESTS,
        endings::TESTS,
    ]
    .concat();
    let trials = tests.into_iter().map(|(name, test)| {
        let shared = Arc::clone(&shared);
        Trial::test(name, move || attempt(|| test(started(&shared)))).with_ignored_flag(!root)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    let cluster = Arc::into_inner(shared).and_then(OnceLock::into_inner).and_then(Result::ok);
    let left = cluster.map(Cluster::stop).unwrap_or_default();
    for what in &left {
        _ = writeln!(stderr(), "LEFT BEHIND: {what}");
    }
    if left.is_empty() { conclusion.exit_code() } else { ExitCode::FAILURE }
}

/// The cluster; one that did not start is not started again for the next test.
fn started(shared: &OnceLock<Result<Cluster, Failed>>) -> &Cluster {
    let started = shared.get_or_init(|| attempt(|| Cluster::start(Options::default())));
    started.as_ref().unwrap_or_else(|failed| panic!("no cluster: {}", failed.message().unwrap_or_default()))
}
