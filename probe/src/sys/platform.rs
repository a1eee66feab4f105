//! Traces of the platform beneath the kernel in registers, in memory and in the program's own text.

use std::time::{Duration, Instant};

use proto::CallDuration;

#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{call_site, gs_pointer, processor_identity, segment_registers};

/// The number of calls between two readings of the clock, which may be system calls themselves.
const CALLS: u32 = 8;
/// The number of rounds, enough for one of them to pass undisturbed.
const ROUNDS: u32 = 3;

/// The word at gs:0 as an address, and the kernel's answers about it.
#[derive(Debug)]
pub(crate) struct GsWord {
    pub(crate) address: u64,
    pub(crate) own_address: bool,
    pub(crate) write: proto::Answer,
    pub(crate) mincore: proto::Answer,
}

/// Measures the duration of getppid(2).
pub(crate) fn call_duration() -> CallDuration {
    let mut shortest = Duration::MAX;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for _ in 0..CALLS {
            // SAFETY: getppid(2) takes no argument, changes nothing and cannot fail.
            unsafe { libc::syscall(libc::SYS_getppid) };
        }
        shortest = shortest.min(started.elapsed() / CALLS);
    }
    CallDuration {
        calls: CALLS * ROUNDS,
        shortest_ns: u64::try_from(shortest.as_nanos()).unwrap_or(u64::MAX),
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod elsewhere {
    use std::io;

    use proto::{CallSite, ProcessorIdentity, SegmentRegisters};

    use super::GsWord;

    pub(crate) fn gs_pointer() -> Option<io::Result<Option<GsWord>>> {
        None
    }

    pub(crate) fn call_site() -> Option<CallSite> {
        None
    }

    pub(crate) fn segment_registers() -> Option<SegmentRegisters> {
        None
    }

    pub(crate) fn processor_identity() -> Option<ProcessorIdentity> {
        None
    }
}
#[cfg(not(target_arch = "x86_64"))]
pub(crate) use elsewhere::{call_site, gs_pointer, processor_identity, segment_registers};

#[cfg(target_arch = "x86_64")]
#[expect(clippy::unnecessary_wraps, reason = "other architectures have no such thing")]
mod x86_64 {
    use std::{
        arch::{asm, global_asm, x86_64::__cpuid},
        io,
        os::fd::AsRawFd,
        ptr,
    };

    use nix::{fcntl::OFlag, unistd::pipe2};
    use proto::{Answer, CallSite, ProcessorIdentity, SegmentRegisters};

    use super::{
        super::{
            calls::answered,
            fault::{load, load_gs},
        },
        GsWord,
    };

    const PAGE: u64 = 4096;
    /// The leaf in which hypervisors name themselves (Documentation/virt/kvm/x86/cpuid.rst).
    const HYPERVISOR: u32 = 0x4000_0000;

    // The call getpid(2) by exactly `mov imm32, %eax; syscall`, the kind of site that systrap patches
    // (gVisor, pkg/sentry/platform/systrap/usertrap/usertrap_amd64.go).
    global_asm!(
        ".globl podproof_call_site",
        ".balign 16",
        "podproof_call_site:",
        ".byte 0xb8, 0x27, 0x00, 0x00, 0x00",
        "syscall",
        "ret",
    );

    // SAFETY: the symbol is defined above; the function clobbers rax, rcx and r11 alone, as the C ABI allows.
    unsafe extern "C" {
        fn podproof_call_site() -> i64;
    }

    /// Returns the word at gs:0; `Some(Ok(None))` if the word cannot be read.
    pub(crate) fn gs_pointer() -> Option<io::Result<Option<GsWord>>> {
        Some(gs_word())
    }

    fn gs_word() -> io::Result<Option<GsWord>> {
        let Some(address) = load_gs()? else { return Ok(None) };
        let own_address = load(address)? == Some(address);
        let pointer: *mut u8 = ptr::with_exposed_provenance_mut(usize::try_from(address).unwrap_or_default());
        let (_read, written) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let mut resident = 0_u8;
        // SAFETY: the kernel reads at most eight bytes from an address that the kernel itself checks, and writes them to a
        // pipe that is dropped here; mincore writes one byte, to a local, for one page.
        let (write, mincore) = unsafe {
            let write = answered(libc::syscall(libc::SYS_write, written.as_raw_fd(), pointer, 8_usize));
            let page = address & !(PAGE - 1);
            (write, answered(libc::syscall(libc::SYS_mincore, page, PAGE, &raw mut resident)))
        };
        Ok(Some(GsWord { address, own_address, write, mincore: without_value(mincore) }))
    }

    fn without_value(answer: Answer) -> Answer {
        match answer {
            Answer::Value(_) => Answer::Value(0),
            errno @ Answer::Errno(_) => errno,
        }
    }

    /// Returns the site's bytes before its first use here and after its second use.
    pub(crate) fn call_site() -> Option<CallSite> {
        let site = (podproof_call_site as *const ()).cast::<[u8; 7]>();
        // SAFETY: the site is seven bytes of the program's own text, which stays mapped while the program runs. The read is
        // volatile because the kernel may change the bytes. The call takes no argument and changes nothing.
        unsafe {
            let before = site.read_volatile();
            podproof_call_site();
            podproof_call_site();
            Some(CallSite { before, after: site.read_volatile() })
        }
    }

    pub(crate) fn segment_registers() -> Option<SegmentRegisters> {
        let (cs, ss, ds, es, fs, gs): (u32, u32, u32, u32, u32, u32);
        // SAFETY: moves from segment registers read them, and touch neither memory nor flags.
        unsafe {
            asm!("mov {0:e}, cs", "mov {1:e}, ss", "mov {2:e}, ds", out(reg) cs, out(reg) ss, out(reg) ds,
                options(nomem, nostack, preserves_flags));
            asm!("mov {0:e}, es", "mov {1:e}, fs", "mov {2:e}, gs", out(reg) es, out(reg) fs, out(reg) gs,
                options(nomem, nostack, preserves_flags));
        }
        Some(SegmentRegisters { cs, ss, ds, es, fs, gs })
    }

    pub(crate) fn processor_identity() -> Option<ProcessorIdentity> {
        const HYPERVISOR_BIT: u32 = 1 << 31;
        let (basic, named) = (__cpuid(1), __cpuid(HYPERVISOR));
        Some(ProcessorIdentity {
            hypervisor: basic.ecx & HYPERVISOR_BIT != 0,
            hypervisor_leaf: [named.eax, named.ebx, named.ecx, named.edx],
        })
    }
}
