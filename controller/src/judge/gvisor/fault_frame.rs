//! The signal frame of a page fault: gVisor leaves the exception's number and error code at 0 on x86-64, and writes no
//! records on `AArch64`.

use proto::FaultFrame;

use super::{EVERYWHERE, Reading, Signal, Strength};
use crate::case::{Architecture, Case};

pub(super) const SIGNAL: Signal = Signal {
    id: "fault-frame",
    strength: Strength::InMemory,
    mechanism: "exception number, error code and flags in the frame of a page fault; on aarch64, its records",
    platforms: "all",
    architectures: EVERYWHERE,
    seen_in: "2018-04 to 2026-08; on aarch64 2022-12 to 2026-09",
    source: "pkg/sentry/arch/signal_amd64.go (gvisor.dev/issue/159), signal_arm64.go (FpsimdContext)",
    read,
};

/// The processor's number for a page fault.
const PAGE_FAULT: u64 = 14;
/// The error code's bit for an access from user mode.
const FROM_USER_MODE: u64 = 4;
/// `UC_FP_XSTATE | UC_SIGCONTEXT_SS`, without the `UC_STRICT_RESTORE_SS` that Linux adds.
const GVISOR_CONTEXT_FLAGS: u64 = 3;

/// The magic number of the first record, which Linux writes for every frame, and the kind of exception that a data access
/// by a program causes (arch/arm64/include/uapi/asm/sigcontext.h, arch/arm64/include/asm/esr.h).
const FPSIMD_MAGIC: u64 = 0x4650_8001;
const DATA_ABORT_FROM_USER_MODE: u64 = 0x24;

/// The stack flags that gVisor gives a program without an alternate signal stack; Linux gives 0.
const SS_DISABLE: u32 = 2;

fn read(case: &Case) -> Reading {
    Reading::by_architecture(case, &case.evidence().fault_frame, |frame, architecture| match architecture {
        Architecture::X86 => reading(frame),
        Architecture::Arm => reading_of_arm(frame),
    })
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

fn reading_of_arm(frame: &FaultFrame) -> Reading {
    let FaultFrame { trap_number: first_record, error_code: syndrome, context_flags, stack_flags } = *frame;
    let stack = stack_flags.map(|flags| format!(", stack flags {flags}")).unwrap_or_default();
    let text = format!(
        "first record {first_record:#x}, syndrome {syndrome:#x}, context flags {context_flags}{stack}"
    );
    match (first_record, syndrome >> 26, context_flags, stack_flags) {
        (0, 0, 0, None | Some(SS_DISABLE)) if syndrome == 0 => Reading::Gvisor(text),
        (FPSIMD_MAGIC, DATA_ABORT_FROM_USER_MODE, _, _) => Reading::Linux(text),
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

    #[test]
    fn on_arm_a_frame_without_records_is_gvisor() {
        let frame = |trap_number, error_code, context_flags, stack_flags| FaultFrame {
            trap_number,
            error_code,
            context_flags,
            stack_flags,
        };
        for stack in [None, Some(SS_DISABLE)] {
            assert!(matches!(reading_of_arm(&frame(0, 0, 0, stack)), Reading::Gvisor(_)));
        }
        let linux = frame(FPSIMD_MAGIC, 0x9200_0006, 0, None);
        assert!(matches!(reading_of_arm(&linux), Reading::Linux(_)));
        for other in [
            frame(FPSIMD_MAGIC, 0, 0, None),
            frame(0, 0x9200_0006, 0, None),
            frame(0, 0, 1, None),
            frame(0, 0, 0, Some(0)),
            frame(0, 1, 0, None),
        ] {
            assert!(matches!(reading_of_arm(&other), Reading::Unknown(_)), "{other:?}");
        }
    }
}
