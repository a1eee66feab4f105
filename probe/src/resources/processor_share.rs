//! The processor time that the probe gets when it demands all of it. A thread for each processor reads a counter again and
//! again. If more than a short time has passed between two readings, that time went to somebody else.
//!
//! gVisor's clocks of processor time include time that a throttled thread did not get (`pkg/sentry/kernel/task_sched.go`),
//! and its files of control groups may omit the limit. The counter has neither fault.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread::{self, Builder, ScopedJoinHandle},
    time::{Duration, Instant},
};

use proto::{Observation, ProcessorShare};

use super::processors::schedulable;
use crate::sys::counter;

/// The largest number of threads; further processors are not counted.
const MOST: usize = 256;
/// The stack size in bytes, enough for a thread that calls nothing.
const STACK: usize = 64 << 10;
/// The longest time between two readings that counts as running. Interrupts take less; other programs that run for a moment
/// take more, and so does a quota, whose shortest period is a millisecond (scheduler/sched-bwc.rst).
const GAP: Duration = Duration::from_micros(100);
/// The time for which the counter is compared with the clock.
const COMPARING: Duration = Duration::from_millis(10);

pub(crate) fn observe(time: Duration) -> Observation<ProcessorShare> {
    let processors = match schedulable() {
        Ok(processors) => processors,
        Err(errno) => return Observation::failed(errno.desc()),
    };
    match measured(processors.clamp(1, MOST), time) {
        Ok(Some(share)) => Observation::Seen(share),
        Ok(None) => Observation::failed("the counter stands still"),
        Err(error) => Observation::failed(format!("failed to start a thread: {error}")),
    }
}

/// The time that one thread got, and the time at which it stopped, in ticks.
#[derive(Clone, Copy)]
struct Spun {
    got: u64,
    last: u64,
}

fn measured(threads: usize, time: Duration) -> io::Result<Option<ProcessorShare>> {
    let Some(ticks_a_ms) = ticks_a_ms() else { return Ok(None) };
    let gap = u64::try_from(GAP.as_micros()).unwrap_or(u64::MAX).saturating_mul(ticks_a_ms) / 1000;
    let (first, stop) = (counter(), AtomicBool::new(false));
    let of_threads: Vec<Spun> = thread::scope(|scope| {
        let spawn = |_| Builder::new().stack_size(STACK).spawn_scoped(scope, || spin(gap, &stop));
        let started: Vec<io::Result<ScopedJoinHandle<'_, Spun>>> = (0..threads).map(spawn).collect();
        if started.iter().all(Result::is_ok) {
            thread::sleep(time);
        }
        stop.store(true, Relaxed);
        let joined = |thread: io::Result<ScopedJoinHandle<'_, Spun>>| {
            thread?.join().map_err(|_| io::Error::other("it panicked"))
        };
        started.into_iter().map(joined).collect::<io::Result<_>>()
    })?;
    Ok(Some(shared(first, &of_threads, ticks_a_ms)))
}

fn shared(first: u64, of_threads: &[Spun], ticks_a_ms: u64) -> ProcessorShare {
    let end = of_threads.iter().map(|spun| spun.last).max().unwrap_or(first);
    let elapsed = end.saturating_sub(first);
    let got: u64 = of_threads.iter().map(|spun| spun.got).sum();
    let threads = u32::try_from(of_threads.len()).unwrap_or(u32::MAX);
    let lost = elapsed.saturating_mul(threads.into()).saturating_sub(got);
    let us = |ticks: u64| ticks.saturating_mul(1000).checked_div(ticks_a_ms).unwrap_or_default();
    let elapsed_us = us(elapsed);
    let lost_us = us(lost).min(elapsed_us.saturating_mul(threads.into()));
    ProcessorShare { threads, elapsed_us, lost_us }
}

fn spin(gap: u64, stop: &AtomicBool) -> Spun {
    let (mut last, mut got) = (counter(), 0_u64);
    while !stop.load(Relaxed) {
        let now = counter();
        let passed = now.saturating_sub(last);
        if passed <= gap {
            got = got.saturating_add(passed);
        }
        last = now;
    }
    Spun { got, last }
}

/// Returns the ticks of the counter in a millisecond; `None` if the counter stands still.
fn ticks_a_ms() -> Option<u64> {
    let (first, started) = (counter(), Instant::now());
    thread::sleep(COMPARING);
    let (ticks, passed) = (counter().saturating_sub(first), started.elapsed());
    let ticks = u128::from(ticks).saturating_mul(1_000_000).checked_div(passed.as_nanos())?;
    u64::try_from(ticks).ok().filter(|&ticks| ticks > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_threads_get_at_most_two_processors() {
        let share = measured(2, Duration::from_millis(50)).unwrap().unwrap();
        assert_eq!(share.threads, 2);
        assert!(share.elapsed_us > 0, "{share:?}");
        assert!(share.lost_us <= 2 * share.elapsed_us && share.millis() <= 2000, "{share:?}");
    }

    #[test]
    fn time_that_no_thread_got_is_lost() {
        // A thousand ticks are a millisecond; one thread got three of four, and the other one of its two.
        let of_threads = [Spun { got: 3000, last: 14_000 }, Spun { got: 1000, last: 12_000 }];
        let share = shared(10_000, &of_threads, 1000);
        assert_eq!(share, ProcessorShare { threads: 2, elapsed_us: 4000, lost_us: 4000 });
        assert_eq!(share.millis(), 1000);
    }

    #[test]
    fn a_counter_that_runs_back_loses_nothing() {
        let share = shared(10_000, &[Spun { got: 0, last: 9_000 }], 1000);
        assert_eq!(share, ProcessorShare { threads: 1, elapsed_us: 0, lost_us: 0 });
    }

    #[test]
    fn a_stopped_thread_ends_at_once() {
        assert_eq!(spin(u64::MAX, &AtomicBool::new(true)).got, 0);
    }
}
