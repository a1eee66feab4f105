//! The signal frame of a page fault: gVisor leaves the exception's number and error code at 0.

use proto::FaultFrame;

use super::{Reading, Signal, Strength};
use crate::case::Case;

pub(super) const SIGNAL: Signal = Signal {
    id: "fault-frame",
    strength: Strength::InMemory,
    mechanism: "exception number, error code and flags in the frame of a page fault",
    platforms: "all",
    architectures: &["x86_64"],
    seen_in: "2018-04 to 2026-08",
    source: "pkg/sentry/arch/signal_amd64.go (gvisor.dev/issue/159)",
    read,
};

/// The processor's number for a page fault.
const PAGE_FAULT: u64 = 14;
/// The error code's bit for an access from user mode.
const FROM_USER_MODE: u64 = 4;
/// `UC_FP_XSTATE | UC_SIGCONTEXT_SS`, without the `UC_STRICT_RESTORE_SS` that Linux adds.
const GVISOR_CONTEXT_FLAGS: u64 = 3;

/// The stack flags that gVisor gives a program without an alternate signal stack; Linux gives 0.
const SS_DISABLE: u32 = 2;

fn read(case: &Case) -> Reading {
    Reading::of(&case.evidence().fault_frame, reading)
}

fn reading(frame: &FaultFrame) -> Reading {
    let FaultFrame { trap_number, error_code, context_flags, stack_flags } = *frame;
    let stack = stack_flags.map(|flags| format!(", stack flags {flags}")).unwrap_or_default();
    let text = format!("trap {trap_number}, error code {error_code}, context flags {context_flags}{stack}");
    match (trap_number, error_code, context_flags, stack_flags) {
        (0, 0, GVISOR_CONTEXT_FLAGS, None | Some(SS_DISABLE)) => Reading::Gvisor(text),
        (PAGE_FAULT, code, _, _) if code & FROM_USER_MODE != 0 => Reading::Linux(text),
        _ => Reading::Unknown(format!("neither gVisor's nor Linux's: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_fault_without_its_number_is_gvisor() {
        let frame = |trap_number, error_code, context_flags| FaultFrame {
            trap_number,
            error_code,
            context_flags,
            stack_flags: None,
        };
        assert!(matches!(reading(&frame(0, 0, 3)), Reading::Gvisor(_)));
        assert!(matches!(reading(&frame(14, 4, 7)), Reading::Linux(_)));
        assert!(matches!(reading(&frame(0, 0, 7)), Reading::Unknown(_)));
        let stack = |flags| FaultFrame { stack_flags: Some(flags), ..frame(0, 0, 3) };
        assert!(matches!(reading(&stack(2)), Reading::Gvisor(_)));
        assert!(matches!(reading(&stack(0)), Reading::Unknown(_)));
        assert!(matches!(reading(&frame(13, 0, 3)), Reading::Unknown(_)));
    }
}
