//! The page in which gVisor keeps its clock's parameters. Applied to the processor's counter, they must give the right time.

use std::ops::Range;

use proto::TimePage;

use super::{EVERYWHERE, Reading, Signal, Strength};
use crate::case::{Architecture, Case};

pub(super) const SIGNAL: Signal = Signal {
    id: "time-page",
    strength: Strength::InMemory,
    mechanism: "clock parameters in the page before the vDSO, against the processor's counter",
    platforms: "all",
    architectures: EVERYWHERE,
    seen_in: "2022-12 to 2026-09",
    source: "vdso/vdso_time.cc, pkg/sentry/kernel/vdso.go (vdsoParams)",
    read,
};

/// The frequencies of processors' counters on x86-64, in Hz. No counter is slower or faster.
const FREQUENCIES: Range<u64> = 100_000_000..10_000_000_000;
/// The frequencies of `AArch64`'s counters, in Hz: 1 to 50 MHz are usual, and 1 GHz since Armv8.6.
const ARM_FREQUENCIES: Range<u64> = 1_000_000..10_000_000_000;
/// The largest error of the computed time, in nanoseconds: the reader may be interrupted between counter and clock.
const TOLERANCE: u128 = 100_000_000;

fn read(case: &Case) -> Reading {
    Reading::by_architecture(case, &case.evidence().time_page, |page, architecture| match architecture {
        Architecture::X86 => reading(page, &FREQUENCIES),
        Architecture::Arm => reading(page, &ARM_FREQUENCIES),
    })
}

fn reading(page: &TimePage, frequencies: &Range<u64>) -> Reading {
    match (page.ready, difference(page, frequencies)) {
        (0, _) => Reading::Unknown("the page is not ready in a sandbox's first second".to_owned()),
        (1, Some(off)) if page.sequence.is_multiple_of(2) && off <= TOLERANCE => {
            Reading::Gvisor(format!("{} Hz; its time is right within {} µs", page.frequency, off / 1000))
        }
        _ => Reading::Unknown("the page before the vDSO is not gVisor's".to_owned()),
    }
}

/// Returns how far the page's time is from the kernel's, in nanoseconds (`Params::Now`, in gVisor's `vdso/vdso_time.cc`).
fn difference(page: &TimePage, frequencies: &Range<u64>) -> Option<u128> {
    if !frequencies.contains(&page.frequency) {
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
    use crate::fixture::arm::{self, Release};

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
        assert!(matches!(reading(&PAGE, &FREQUENCIES), Reading::Gvisor(_)));
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
            assert!(matches!(reading(&page, &FREQUENCIES), Reading::Unknown(_)), "{page:?}");
        }
    }

    #[test]
    fn counters_of_arm_are_slower() {
        let page = *arm::gvisor(Release::Of2026).evidence().time_page.seen().unwrap();
        assert!(matches!(reading(&page, &ARM_FREQUENCIES), Reading::Gvisor(_)));
        assert!(matches!(reading(&page, &FREQUENCIES), Reading::Unknown(_)));
        let late = TimePage { now_ns: 4_172_954_561, ..page };
        assert!(matches!(reading(&late, &ARM_FREQUENCIES), Reading::Unknown(_)));
    }
}
