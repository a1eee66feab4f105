//! Tests in real sandboxes: the real controller, real runtimes, and everything they leave behind. Rows that wait more than they compute
//! run beside each other; rows that measure, or that look at the whole machine, run one after the other.
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

use std::{io::Write, num::NonZeroUsize, process::ExitCode};

use libtest_mimic::{Arguments, Completion, Conclusion, Trial};
use stage::{attempt, ground, worlds};

/// Rows that run at the same time for each processor: most of a row's time is the probe's wait for answers that never come.
const ROWS_A_PROCESSOR: usize = 4;

/// A named test, possibly one that this machine skips.
struct Row {
    name: String,
    skipped: bool,
    test: Box<dyn FnOnce() -> Completion + Send>,
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
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
    let [of_this_machine, of_the_emulated] = truth::rows();
    let of_this_machine = [
        of_this_machine,
        network::rows(),
        hostile::rows(),
        bundles::rows(),
        broken::rows(),
        limits::rows(),
        main_process::rows(),
        running_container::rows(),
        in_place::rows(),
        secrets::rows(),
    ];
    let beside_each_other = spread(of_the_emulated, of_this_machine.into_iter().flatten().collect());
    let alone = [
        vec![row("nothing is left behind by rows that ran beside each other", nothing_is_left)],
        matrix::rows(),
        environments::rows(),
        harmless::rows(),
        endings::rows(),
        images::rows(),
        measured::in_this_run(limits::rows_on_an_idle_machine()),
        ordinary_user::rows(),
        readme::rows(),
    ];
    let alone = alone.into_iter().flatten().collect();
    let mut run = |rows: Vec<Row>, threads: usize| {
        arguments.test_threads = Some(threads);
        let trials = rows.into_iter().map(|Row { name, skipped, test }| {
            Trial::ignorable_test(name, move || attempt(test)).with_ignored_flag(skipped || missing.is_some())
        });
        libtest_mimic::run(&arguments, trials.collect())
    };
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    // These rows look at the machine's mounts, processes and control groups.
    let conclusions = [run(beside_each_other, ROWS_A_PROCESSOR * processors), run(alone, 1)];
    truth::print();
    let again = measured::again(&arguments);
    let rows = conclusions.iter().map(|it| it.num_passed + it.num_failed + it.num_ignored).sum::<u64>();
    if rows == 0 && !arguments.list {
        _ = writeln!(std::io::stderr(), "no row has such a name: {:?}", arguments.filter);
        return ExitCode::FAILURE;
    }
    if conclusions.iter().chain(&again).any(Conclusion::has_failed) {
        ExitCode::from(101)
    } else {
        ExitCode::SUCCESS
    }
}

/// Spreads the rows of the emulated machine among others: a row that waits for the machine occupies a thread.
fn spread(few: Vec<Row>, many: Vec<Row>) -> Vec<Row> {
    let step = many.len() / few.len().max(1) + 1;
    let (mut few, mut many) = (few.into_iter(), many.into_iter());
    let mut all = Vec::new();
    while few.len() + many.len() > 0 {
        all.extend(few.next());
        all.extend(many.by_ref().take(step));
    }
    all
}

fn nothing_is_left() {
    assert_eq!(ground::groups_left(), [""; 0]);
}

fn row(name: impl Into<String>, test: impl FnOnce() + Send + 'static) -> Row {
    let test = || {
        test();
        Completion::Completed
    };
    Row { name: name.into(), skipped: false, test: Box::new(test) }
}
