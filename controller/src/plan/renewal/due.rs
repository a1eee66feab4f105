//! The time of the next run: before the proof ends, or some time after a run that failed.

use std::time::Duration;

/// The pause after the first run that failed; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
/// The longest pause after a run that failed.
const LONGEST_PAUSE: Duration = Duration::from_mins(30);
/// The time past the half of a proof's life before which a renewal would keep the proof.
const PAST_HALF: Duration = Duration::from_secs(2);
/// The shortest pause between two renewals.
const SHORTEST: Duration = Duration::from_secs(5);

/// A random share of a pause, from none to all of it, which keeps the runs of many namespaces apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Jitter(pub(crate) u8);

impl Jitter {
    /// Returns the share of a time.
    pub(crate) fn of(self, time: Duration) -> Duration {
        time * self.0.into() / u8::MAX.into()
    }
}

/// Returns the time until the renewal of a proof that has some time left of its life: up to a tenth of its life past the half.
pub(crate) fn before_expiry(left: Duration, life: Duration, jitter: Jitter) -> Duration {
    let half = left.saturating_sub(life / 2);
    (half + PAST_HALF + jitter.of(life / 10)).max(SHORTEST)
}

/// Returns the pause after a number of runs that failed one after the other: from a half of the full pause to all of it.
pub(crate) fn after_failure(failures: u32, jitter: Jitter) -> Duration {
    let pause = FIRST_PAUSE * 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
    let half = pause.min(LONGEST_PAUSE) / 2;
    half + jitter.of(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn a_proof_is_renewed_past_the_half_of_its_life_and_before_its_end() {
        for jitter in [0, 100, u8::MAX] {
            let due = before_expiry(DAY, DAY, Jitter(jitter));
            assert!(due > DAY / 2 && due < DAY * 6 / 10 + PAST_HALF * 2, "{jitter}: {due:?}");
        }
    }

    #[test]
    fn a_kept_proof_is_renewed_by_its_own_end() {
        let due = before_expiry(DAY / 2 + Duration::from_hours(1), DAY, Jitter(0));
        assert_eq!(due, Duration::from_hours(1) + PAST_HALF);
    }

    #[test]
    fn a_short_life_leaves_a_pause() {
        assert_eq!(before_expiry(Duration::ZERO, Duration::from_secs(1), Jitter(0)), SHORTEST);
    }

    #[test]
    fn the_pause_after_a_failure_grows_up_to_a_limit() {
        let full = |failures| after_failure(failures, Jitter(u8::MAX));
        assert_eq!([1, 2, 3].map(full), [15, 30, 60].map(Duration::from_secs));
        assert_eq!(full(u32::MAX), LONGEST_PAUSE);
        assert_eq!(after_failure(1, Jitter(0)), FIRST_PAUSE / 2);
    }
}
