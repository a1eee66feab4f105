//! The platform beneath gVisor's kernel, by which the kernel intercepts a program's system calls.

use std::fmt;

use proto::Observation;

use super::{Reading, systrap};
use crate::case::{Case, Citation};

/// A platform of gVisor (`g3doc/architecture_guide/platforms.md`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Platform {
    /// The default platform since 2023.
    Systrap,
    /// A platform that is no longer supported.
    Ptrace,
    /// The platform with hardware virtualization.
    Kvm,
    /// A platform that could not be told.
    Unknown,
}

/// The shortest call of the ptrace platform, in nanoseconds. ptrace stops a program twice for each call (measured: 18 to
/// 75 µs, the less the busier the machine). systrap takes 3 to 8 µs, and 28 µs on a busy machine, so that the time tells
/// only after systrap is excluded.
const PTRACES: u64 = 8_000;
/// The data selector that gVisor's own ring 0 gives to programs; Linux leaves 0 (`pkg/sentry/platform/kvm`,
/// `machine_amd64.go`).
const USER_DATA: u32 = 0x2b;

/// Returns the platform of a kernel that is gVisor's.
pub(super) fn platform(case: &Case) -> Platform {
    let evidence = case.evidence();
    match &evidence.gs_pointer {
        Observation::Seen(word) => {
            return match systrap::pointer(word) {
                Reading::Gvisor(_) => Platform::Systrap,
                Reading::Linux(_) | Reading::Unknown(_) => Platform::Unknown,
            };
        }
        // Nothing is mapped at gs:0; systrap always maps memory there.
        Observation::Absent => (),
        _ => return Platform::Unknown,
    }
    let (Some(selectors), Some(duration)) =
        (evidence.segment_registers.seen(), evidence.call_duration.seen())
    else {
        return Platform::Unknown;
    };
    match (selectors.ds, duration.shortest_ns) {
        (USER_DATA, _) => Platform::Kvm,
        (0, PTRACES..) => Platform::Ptrace,
        _ => Platform::Unknown,
    }
}

impl Platform {
    /// Returns the platform as a citation.
    pub(super) fn cited(self) -> Citation {
        Citation { source: "platform", text: self.to_string() }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Systrap => "systrap",
            Self::Ptrace => "ptrace",
            Self::Kvm => "kvm",
            Self::Unknown => "unknown",
        })
    }
}

#[cfg(test)]
mod tests {
    use proto::CallDuration;

    use super::*;
    use crate::fixture;

    #[test]
    fn each_platform_is_told_by_its_traces() {
        let mut case = fixture::gvisor();
        assert_eq!(platform(&case), Platform::Systrap);
        case.collected.evidence.gs_pointer = Observation::Absent;
        let lasting = |shortest_ns| Observation::Seen(CallDuration { calls: 24, shortest_ns });
        for (shortest, expected) in [(71_000, Platform::Ptrace), (900, Platform::Unknown)] {
            case.collected.evidence.call_duration = lasting(shortest);
            assert_eq!(platform(&case), expected);
        }
        if let Observation::Seen(selectors) = &mut case.collected.evidence.segment_registers {
            selectors.ds = USER_DATA;
        }
        assert_eq!(platform(&case), Platform::Kvm);
        case.collected.evidence.segment_registers = Observation::TimedOut;
        assert_eq!(platform(&case), Platform::Unknown);
    }

    #[test]
    fn a_slow_call_means_ptrace_only_if_gs_0_is_empty() {
        let mut case = fixture::gvisor();
        case.collected.evidence.gs_pointer = Observation::failed("withheld");
        case.collected.evidence.call_duration =
            Observation::Seen(CallDuration { calls: 24, shortest_ns: 28_000 });
        assert_eq!(platform(&case), Platform::Unknown);
        case.collected.evidence.gs_pointer = Observation::Absent;
        assert_eq!(platform(&case), Platform::Ptrace);
    }
}
