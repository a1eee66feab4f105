//! Tests in real sandboxes, one row after the other: the real controller, real runtimes, and everything they leave
//! behind.
//!
//! Without root or a runtime, every row is skipped with a message and counted; in CI that is a failure.
#![forbid(unsafe_code)]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends here"
)]

mod broken;
mod bundles;
mod endings;
mod environments;
mod harmless;
mod hostile;
mod images;
mod in_place;
mod limits;
mod main_process;
mod matrix;
mod measured;
mod network;
mod ordinary_user;
mod readme;
mod running_container;
mod secrets;
#[cfg(target_arch = "x86_64")]
mod truth;

use std::{io::Write, process::ExitCode};

use libtest_mimic::{Arguments, Completion, Trial};
use stage::{attempt, worlds};

/// A named test, possibly one that this machine skips.
struct Row {
    name: String,
    skipped: bool,
    test: Box<dyn FnOnce() -> Completion + Send>,
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Rows look at the machine's mounts, processes and control groups, so each row runs alone.
    arguments.test_threads = Some(1);
    if arguments.list {
        worlds::pretend();
    }
    let missing = if arguments.list { None } else { worlds::missing() };
    if let Some(missing) = &missing {
        _ = writeln!(std::io::stderr(), "SKIPPING ALL SANDBOX TESTS: {missing}");
        if std::env::var_os("CI").is_some() {
            return ExitCode::FAILURE;
        }
    }
    let rows = [
        matrix::rows(),
        truth::rows(),
        environments::rows(),
        hostile::rows(),
        harmless::rows(),
        endings::rows(),
        bundles::rows(),
        images::rows(),
        main_process::rows(),
        limits::rows(),
        network::rows(),
        broken::rows(),
        secrets::rows(),
        in_place::rows(),
        running_container::rows(),
        ordinary_user::rows(),
        readme::rows(),
    ];
    let trials = rows.into_iter().flatten().map(|Row { name, skipped, test }| {
        Trial::ignorable_test(name, move || attempt(test)).with_ignored_flag(skipped || missing.is_some())
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    truth::print();
    match measured::again(&arguments) {
        Some(again) if again.has_failed() => again.exit_code(),
        _ => conclusion.exit_code(),
    }
}

fn row(name: impl Into<String>, test: impl FnOnce() + Send + 'static) -> Row {
    let test = || {
        test();
        Completion::Completed
    };
    Row { name: name.into(), skipped: false, test: Box::new(test) }
}
