//! The page in which gVisor keeps its clock's parameters. Applied to the processor's counter, they must give the right time.

use proto::TimePage;

use super::{Reading, Signal, Strength};
use crate::case::Case;

pub(super) const SIGNAL: Signal = Signal {
    id: "time-page",
    strength: Strength::InMemory,
    mechanism: "clock parameters in the page before the vDSO, against the processor's counter",
    platforms: "all",
    architectures: &["x86_64"],
    seen_in: "2022-12 to 2026-09",
    source: "vdso/vdso_time.cc, pkg/sentry/kernel/vdso.go (vdsoParams)",
    read,
};

/// The frequencies of processors' counters, in Hz. No counter is slower or faster.
const FREQUENCIES: std::ops::Range<u64> = 100_000_000..10_000_000_000;
/// The largest error of the computed time, in nanoseconds: the reader may be interrupted between counter and clock.
const TOLERANCE: u128 = 100_000_000;

fn read(case: &Case) -> Reading {
    Reading::of(&case.evidence().time_page, reading)
}

fn reading(page: &TimePage) -> Reading {
    match (page.ready, difference(page)) {
        (0, _) => Reading::Unknown("the page is not ready in a sandbox's first second".to_owned()),
        (1, Some(off)) if page.sequence.is_multiple_of(2) && off <= TOLERANCE => {
            Reading::Gvisor(format!("{} Hz; its time is right within {} µs", page.frequency, off / 1000))
        }
        _ => Reading::Unknown("the page before the vDSO is not gVisor's".to_owned()),
    }
}

/// Returns how far the page's time is from the kernel's, in nanoseconds (`Params::Now`, in gVisor's `vdso/vdso_time.cc`).
fn difference(page: &TimePage) -> Option<u128> {
    if !FREQUENCIES.contains(&page.frequency) {
        return None;
    }
    let cycles = u128::from(page.cycles.checked_sub(page.base_cycles)?);
    let scale = (1_000_000_000_u128 << 32) / u128::from(page.frequency);
    let computed = u128::from(page.base_ns) + (cycles.checked_mul(scale)? >> 32);
    Some(computed.abs_diff(u128::from(page.now_ns)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: TimePage = TimePage {
        sequence: 14,
        ready: 1,
        base_cycles: 1_000_000_000,
        base_ns: 2_000_000_000,
        frequency: 2_000_000_000,
        cycles: 3_000_000_000,
        now_ns: 3_000_020_000,
    };

    #[test]
    fn parameters_that_give_the_right_time_are_gvisors() {
        assert!(matches!(reading(&PAGE), Reading::Gvisor(_)));
    }

    #[test]
    fn a_page_that_is_not_ready_or_gives_another_time_says_nothing() {
        for page in [
            TimePage { ready: 0, ..PAGE },
            TimePage { ready: 7, ..PAGE },
            TimePage { sequence: 15, ..PAGE },
            TimePage { now_ns: 9_000_000_000, ..PAGE },
            TimePage { frequency: 0, ..PAGE },
            TimePage { frequency: u64::MAX, ..PAGE },
            TimePage { base_cycles: u64::MAX, ..PAGE },
            TimePage { base_cycles: 0, cycles: u64::MAX, frequency: 100_000_000, ..PAGE },
        ] {
            assert!(matches!(reading(&page), Reading::Unknown(_)), "{page:?}");
        }
    }
}
