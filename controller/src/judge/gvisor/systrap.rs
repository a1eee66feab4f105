//! Traces of the systrap platform in a program: the address of systrap's own memory at gs:0, which gVisor's kernel calls
//! unmapped, and jumps in place of system calls.

use proto::{Answer, CallSite, GsPointer};

use super::{Reading, Signal, Strength};
use crate::case::Case;

pub(super) const GS_POINTER: Signal = Signal {
    id: "gs-pointer",
    strength: Strength::InMemory,
    mechanism: "memory at gs:0 that the processor reads and the kernel calls unmapped",
    platforms: "systrap",
    architectures: &["x86_64"],
    seen_in: "2023-06 to 2026-09",
    source: "pkg/sentry/platform/systrap/subprocess_amd64.go, sysmsg/sysmsg.h",
    read: read_pointer,
};

pub(super) const CALL_SITE: Signal = Signal {
    id: "call-site",
    strength: Strength::Supporting,
    mechanism: "a system call in the program's own text has become a jump",
    platforms: "systrap",
    architectures: &["x86_64"],
    seen_in: "2023-06 to 2026-09",
    source: "pkg/sentry/platform/systrap/usertrap/usertrap_amd64.go",
    read: read_site,
};

const ENOMEM: Answer = Answer::Errno(12);
const EFAULT: Answer = Answer::Errno(14);
/// `jmp *address`, with an absolute address of 32 bits.
const JUMP: [u8; 3] = [0xff, 0x24, 0x25];
/// The addresses of the trampolines.
const TRAMPOLINES: std::ops::Range<u32> = 0x6_0000..0x7_0000;

fn read_pointer(case: &Case) -> Reading {
    Reading::of(&case.evidence().gs_pointer, pointer)
}

pub(super) fn pointer(word: &GsPointer) -> Reading {
    match (word.own_address, word.write, word.mincore, word.listed) {
        (true, EFAULT, ENOMEM, None | Some(false)) => {
            Reading::Gvisor("gs:0 points to itself, and the kernel calls that address unmapped".to_owned())
        }
        _ => Reading::Unknown("the memory at gs:0 is the program's own".to_owned()),
    }
}

fn read_site(case: &Case) -> Reading {
    Reading::of(&case.evidence().call_site, site)
}

fn site(site: &CallSite) -> Reading {
    let [first, second, third, address @ ..] = site.after;
    let address = u32::from_le_bytes(address);
    if [first, second, third] == JUMP && TRAMPOLINES.contains(&address) && site.before != site.after {
        Reading::Gvisor(format!("the call has become a jump through {address:#x}"))
    } else {
        Reading::Unknown("the call is unchanged".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_memory_that_the_kernel_denies_is_systraps() {
        let word = GsPointer { own_address: true, write: EFAULT, mincore: ENOMEM, listed: Some(false) };
        assert!(matches!(pointer(&word), Reading::Gvisor(_)));
        // Any program can point gs to memory of its own (arch_prctl(2)).
        for word in [
            GsPointer { write: Answer::Value(8), ..word },
            GsPointer { mincore: Answer::Value(0), ..word },
            GsPointer { listed: Some(true), ..word },
            GsPointer { own_address: false, ..word },
        ] {
            assert!(matches!(pointer(&word), Reading::Unknown(_)), "{word:?}");
        }
    }

    #[test]
    fn only_a_jump_by_a_trampoline_is_systraps() {
        let before = [0xb8, 0x27, 0, 0, 0, 0x0f, 0x05];
        let patched = CallSite { before, after: [0xff, 0x24, 0x25, 0x48, 0x30, 0x06, 0] };
        assert!(matches!(site(&patched), Reading::Gvisor(_)));
        let elsewhere = CallSite { before, after: [0xff, 0x24, 0x25, 0, 0, 0, 0x7f] };
        for other in [elsewhere, CallSite { before, after: before }] {
            assert!(matches!(site(&other), Reading::Unknown(_)), "{other:?}");
        }
    }
}
