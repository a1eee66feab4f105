//! Spare processor time, for tests that need idle processors. A busy machine cannot show that a limit is missing:
//! threads that get little may be limited, or may share the processors with others.

use std::{
    fmt, thread,
    time::{Duration, Instant},
};

use nix::time::{ClockId, clock_gettime};

/// Busy threads of one measurement, as many as the tests' sandboxes have.
const THREADS: u32 = 2;
/// Time of one measurement.
const WINDOW: Duration = Duration::from_millis(300);
/// Thousandths of a processor that the threads together must get for the machine to count as idle.
const ENOUGH: u64 = 1_500;
/// Failures on an idle machine that fail a test. A single failure may come from load between the two measurements.
const CONVINCING: usize = 2;

/// A machine that was too busy during every attempt of a test.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Loaded {
    /// Thousandths of a processor that two threads got in the best attempt.
    pub most: u64,
}

/// Runs a test that needs idle processors, up to this many times. A success counts whatever the load is. A failure
/// counts if the machine was idle before and after the test; the second such failure panics with its reason. A panic
/// of the test passes through.
pub fn tried(
    attempts: usize,
    spare: impl Fn() -> u64,
    test: impl Fn() -> Result<(), String>,
) -> Result<(), Loaded> {
    let (mut most, mut failures) = (0, 0);
    for _ in 0..attempts {
        let before = spare();
        let Err(why) = test() else { return Ok(()) };
        let had = before.min(spare());
        most = most.max(had);
        failures += usize::from(had >= ENOUGH);
        assert!(failures < CONVINCING, "{why}");
    }
    Err(Loaded { most })
}

/// Returns the thousandths of a processor that two busy threads get now. This process may be limited itself, so the
/// idle time of the whole machine in `/proc/stat` would tell less.
pub fn millis() -> u64 {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(spin)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

fn spin() -> u64 {
    let used = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let (started, before) = (Instant::now(), used());
    while started.elapsed() < WINDOW {
        std::hint::spin_loop();
    }
    let got = used().saturating_sub(before).as_micros() * 1000 / started.elapsed().as_micros();
    u64::try_from(got).unwrap_or(u64::MAX)
}

impl fmt::Display for Loaded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (most, all) = (self.most, THREADS * 1000);
        write!(
            formatter,
            "not measurable now: {THREADS} threads got {most}m CPU of {all}m, and {ENOUGH}m are needed"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::attempt;

    const IDLE: u64 = 2_000;
    const BUSY: u64 = 700;

    fn fails() -> Result<(), String> {
        Err("too little".to_owned())
    }

    /// Spare time that changes with each measurement, and stays at its last value.
    fn changing<const COUNT: usize>(values: [u64; COUNT]) -> impl Fn() -> u64 {
        let next = Cell::new(0);
        move || {
            let now = next.get();
            next.set(now + 1);
            values[now.min(COUNT - 1)]
        }
    }

    #[test]
    fn a_success_counts_on_a_busy_machine() {
        assert_eq!(tried(1, || BUSY, || Ok(())), Ok(()));
    }

    #[test]
    fn failures_on_a_busy_machine_are_not_measurable() {
        assert_eq!(tried(3, || BUSY, fails), Err(Loaded { most: BUSY }));
    }

    #[test]
    fn two_failures_on_an_idle_machine_are_a_failure() {
        let failed = attempt(|| tried(3, || IDLE, fails)).unwrap_err();
        assert_eq!(failed.message(), Some("too little"));
    }

    #[test]
    fn one_failure_on_an_idle_machine_is_none_yet() {
        assert_eq!(tried(3, changing([IDLE, IDLE, BUSY]), fails), Err(Loaded { most: IDLE }));
    }

    #[test]
    fn a_machine_that_is_busy_after_the_test_was_busy() {
        assert_eq!(tried(2, changing([IDLE, BUSY, IDLE, BUSY]), fails), Err(Loaded { most: BUSY }));
    }

    #[test]
    fn a_test_that_succeeds_later_has_succeeded() {
        let calls = Cell::new(0);
        let third = || {
            calls.set(calls.get() + 1);
            if calls.get() < 3 { fails() } else { Ok(()) }
        };
        assert_eq!(tried(3, || BUSY, third), Ok(()));
    }

    #[test]
    fn threads_get_no_more_than_there_is() {
        let got = millis();
        assert!(got > 0 && got <= 2_000 + 20, "{got}");
    }
}
