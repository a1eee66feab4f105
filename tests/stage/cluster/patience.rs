//! Waiting for a condition, with a bound, and with the end of a log in the message of a timeout.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// Far longer than any condition here takes, even on a busy machine.
pub(super) const BOUND: Duration = Duration::from_mins(3);
const INTERVAL: Duration = Duration::from_millis(25);
const LINES: usize = 40;

/// Waits until the condition holds; panics with the end of the log if it does not.
pub(super) fn until(what: &str, log: &Path, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < BOUND, "{what} did not come in {BOUND:?}; {}", tail(log));
        thread::sleep(INTERVAL);
    }
}

/// Returns the last lines of a log.
pub(super) fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    let last = lines.iter().skip(lines.len().saturating_sub(LINES)).map(|line| format!("\n    {line}"));
    format!("the end of {}:{}", log.display(), last.collect::<String>())
}
