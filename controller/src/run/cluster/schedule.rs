//! The probes that run at once, and the time for all of them. Both follow the size of the plan where nobody sets them.

use std::time::Duration;

use crate::case::rounds::Rounds;

/// The fewest probes that run at once by default, and the most.
const PARALLEL: (usize, usize) = (8, 64);
/// The part of a plan whose probes run at once by default.
const AT_ONCE: usize = 16;
/// The time for probes that run at once, besides the pause between their rounds of attempts. They usually take a fifth of it.
const TURN: Duration = Duration::from_secs(30);

/// Returns the time for probes that run at once and attempt their targets in these rounds.
pub(super) fn turn(rounds: Rounds) -> Duration {
    TURN + rounds.again().unwrap_or_default()
}

/// The settings of a run that concern its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// The value of `--parallel`; `None` without the flag.
    pub(super) parallel: Option<usize>,
    /// The time for the whole run.
    pub(super) timeout: Duration,
    /// True if nobody set that time.
    pub(super) grows: bool,
    pub(super) rounds: Rounds,
}

/// The time of a run with a known number of probes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Schedule {
    /// The number of probes that run at once.
    pub(super) parallel: usize,
    /// The time for the whole run.
    pub(super) timeout: Duration,
}

impl Schedule {
    pub(super) fn of(probes: usize, asked: Asked) -> Self {
        let (fewest, most) = PARALLEL;
        let parallel = asked.parallel.unwrap_or_else(|| (probes / AT_ONCE).clamp(fewest, most));
        let turn = turn(asked.rounds);
        let turns = u32::try_from(probes.div_ceil(parallel.max(1))).unwrap_or(u32::MAX);
        let needed = turn.saturating_mul(turns);
        let timeout = if asked.grows { asked.timeout.max(needed) } else { asked.timeout };
        Self { parallel, timeout }
    }

    /// Says that the schedule follows the plan; `None` if it does not differ from that of a small plan.
    pub(super) fn remark(self, probes: usize, asked: Asked) -> Option<String> {
        let is_usual =
            self.timeout == asked.timeout && (asked.parallel.is_some() || self.parallel == PARALLEL.0);
        (!is_usual).then(|| {
            format!(
                "for {probes} probes, {} run at once and the run has {}; `--parallel` and `--timeout` set other values",
                self.parallel,
                humantime::format_duration(Duration::from_secs(self.timeout.as_secs()))
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES: Duration = Duration::from_mins(5);

    fn asked() -> Asked {
        Asked { parallel: None, timeout: MINUTES, grows: true, rounds: Rounds::default() }
    }

    #[test]
    fn a_small_plan_has_the_usual_time() {
        for probes in [0, 1, 64] {
            let schedule = Schedule::of(probes, asked());
            assert_eq!(schedule, Schedule { parallel: 8, timeout: MINUTES });
            assert_eq!(schedule.remark(probes, asked()), None);
        }
    }

    #[test]
    fn the_time_of_a_large_plan_grows_with_its_turns() {
        let schedule = Schedule::of(1000, asked());
        assert_eq!(schedule.parallel, 62);
        assert_eq!(schedule.timeout, Duration::from_secs(17 * 35));
        let told = schedule.remark(1000, asked()).unwrap();
        assert!(told.contains("62 run at once and the run has 9m 55s"), "{told}");
    }

    #[test]
    fn flags_win() {
        let asked = Asked { parallel: Some(3), grows: false, ..asked() };
        let schedule = Schedule::of(1000, asked);
        assert_eq!(schedule, Schedule { parallel: 3, timeout: MINUTES });
        assert_eq!(schedule.remark(1000, asked), None);
    }
}
