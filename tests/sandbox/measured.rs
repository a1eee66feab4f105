//! Rows that need idle processors. On a busy machine such a row is reported as not measurable now, and is tried again
//! after all other rows. Beside other suites, where no such moment is certain, they are left for a run of their own.

use std::{
    env,
    io::{Write, stdout},
    mem,
    sync::{Mutex, PoisonError},
};

use libtest_mimic::{Arguments, Completion, Conclusion, Trial};
use stage::{attempt, spare};

use crate::Row;

/// Attempts of a row in its turn.
const ATTEMPTS: usize = 3;
/// Attempts of a row at the end of the suite.
const LAST_ATTEMPTS: usize = 6;
/// The variable that leaves these rows for a run of their own.
const MEASURE_LATER: &str = "MEASURE_LATER";

/// A measurement. Its error says why the measured time is too little.
type Test = Box<dyn Fn() -> Result<(), String> + Send>;

/// Rows to try again, by their names.
static LATER: Mutex<Vec<(String, Test)>> = Mutex::new(Vec::new());
/// Names of the rows that were not measurable in the end.
static NOT_MEASURABLE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Returns the rows that are to be measured in this run: all, or none.
pub(super) fn in_this_run(rows: Vec<Row>) -> Vec<Row> {
    if env::var_os(MEASURE_LATER).is_none() {
        return rows;
    }
    _ = writeln!(stdout(), "{} rows that need idle processors are left for `make measured-test`", rows.len());
    Vec::new()
}

/// Returns a row that needs idle processors.
pub(super) fn row(name: String, test: impl Fn() -> Result<(), String> + Send + 'static) -> Row {
    let row = name.clone();
    let test = move || match spare::tried(ATTEMPTS, spare::millis, &test) {
        Ok(()) => Completion::Completed,
        Err(loaded) => {
            LATER.lock().unwrap_or_else(PoisonError::into_inner).push((row, Box::new(test)));
            Completion::ignored_with(format!("{loaded}; tried again at the end"))
        }
    };
    Row { name, skipped: false, test: Box::new(test) }
}

/// Tries the rows again that were not measurable in their turn, and counts those that still are not; in CI each of
/// these has failed. Returns `None` if every row was measured in its turn.
pub(super) fn again(arguments: &Arguments) -> Option<Conclusion> {
    let later = mem::take(&mut *LATER.lock().unwrap_or_else(PoisonError::into_inner));
    if later.is_empty() {
        return None;
    }
    let count = later.len();
    let trials = later.into_iter().map(|(name, test)| {
        let row = name.clone();
        Trial::ignorable_test(name, move || attempt(|| last(row, test)))
    });
    let conclusion = libtest_mimic::run(arguments, trials.collect());
    let names = NOT_MEASURABLE.lock().unwrap_or_else(PoisonError::into_inner);
    let listed = if names.is_empty() { "none".to_owned() } else { names.join("; ") };
    _ = writeln!(
        stdout(),
        "not measurable now: {} of {count} rows that were tried again: {listed}",
        names.len()
    );
    Some(conclusion)
}

fn last(row: String, test: Test) -> Completion {
    let Err(loaded) = spare::tried(LAST_ATTEMPTS, spare::millis, test) else { return Completion::Completed };
    NOT_MEASURABLE.lock().unwrap_or_else(PoisonError::into_inner).push(row);
    assert!(env::var_os("CI").is_none(), "{loaded}");
    Completion::ignored_with(loaded)
}
