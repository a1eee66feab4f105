//! System calls whose answers are evidence. None of them changes anything: the design excludes calls that do.

use std::{ffi::CStr, io, ptr};

use libc::{c_int, c_long, c_uint, syscall, timespec};
use proto::{Answer, Call};

const DESCRIPTOR: c_int = -1;
const PAGE: usize = 4096;

/// The code of `ARCH_GET_GS` (arch/x86/include/uapi/asm/prctl.h).
const ARCH_GET_GS: c_int = 0x1004;
#[cfg(target_arch = "x86_64")]
const ARCH_PRCTL: Option<c_long> = Some(libc::SYS_arch_prctl);
#[cfg(not(target_arch = "x86_64"))]
const ARCH_PRCTL: Option<c_long> = None;
#[cfg(target_arch = "x86_64")]
const MODIFY_LDT: Option<c_long> = Some(libc::SYS_modify_ldt);
#[cfg(not(target_arch = "x86_64"))]
const MODIFY_LDT: Option<c_long> = None;

/// Makes one call and returns its answer; `None` if the architecture has no such call.
pub(crate) fn answer(call: Call) -> Option<Answer> {
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    let mut base = 0_u64;
    let null = ptr::null::<u8>();
    // SAFETY: every pointer is null or points to a local that outlives the call; the other arguments are plain numbers.
    // Each call fails because of its arguments, or only reads (the schema lists the calls): descriptor -1 is never open, a
    // null path or attribute gives EFAULT, and setfsuid(-1) changes nothing (setfsuid(2)).
    let result: c_long = unsafe {
        match call {
            Call::ArchPrctlGetGs => syscall(ARCH_PRCTL?, ARCH_GET_GS, &raw mut base),
            Call::ClockGetresCoarse => {
                let result = syscall(libc::SYS_clock_getres, libc::CLOCK_MONOTONIC_COARSE, &raw mut time);
                if result == 0 { time.tv_nsec } else { result }
            }
            Call::ClockGettimeTai => syscall(libc::SYS_clock_gettime, libc::CLOCK_TAI, &raw mut time),
            Call::CopyFileRange => {
                syscall(libc::SYS_copy_file_range, DESCRIPTOR, null, DESCRIPTOR, null, 0_usize, 0 as c_uint)
            }
            Call::MincoreUntouched => return Some(mincore_untouched()),
            Call::ModifyLdtRead => syscall(MODIFY_LDT?, 0 as c_int, null, 0_usize),
            Call::MqGetsetattr => syscall(libc::SYS_mq_getsetattr, DESCRIPTOR, null, null),
            Call::NameToHandleAt => {
                syscall(libc::SYS_name_to_handle_at, DESCRIPTOR, null, null, null, 0 as c_int)
            }
            Call::Openat2 => syscall(libc::SYS_openat2, DESCRIPTOR, null, null, 0_usize),
            Call::PerfEventOpen => {
                syscall(libc::SYS_perf_event_open, null, 0 as c_int, DESCRIPTOR, DESCRIPTOR, 0_usize)
            }
            Call::PrctlGetTimerslack => syscall(libc::SYS_prctl, libc::PR_GET_TIMERSLACK, 0, 0, 0, 0),
            Call::RemapFilePages => syscall(libc::SYS_remap_file_pages, 0_usize, 0_usize, 0, 0_usize, 0),
            Call::SchedRrGetInterval => syscall(libc::SYS_sched_rr_get_interval, 0 as c_int, &raw mut time),
            Call::SeccompGetActionAvail => {
                let action: u32 = libc::SECCOMP_RET_ALLOW;
                syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0 as c_uint, &raw const action)
            }
            Call::SetfsuidQuery => syscall(libc::SYS_setfsuid, -1 as c_int),
            Call::Vmsplice => syscall(libc::SYS_vmsplice, DESCRIPTOR, null, 0_usize, 0 as c_uint),
            Call::IoUringSetup => syscall(libc::SYS_io_uring_setup, 1 as c_uint, null),
        }
    };
    Some(answered(result))
}

/// Makes the call syslog(2). Callers use only the actions 3 (read all, without clearing), 9 and 10 (sizes) and one that does
/// not exist: 4 and 5 clear the machine's log, 6 to 8 mute its console, 2 blocks.
pub(crate) fn kernel_log(action: c_int, buffer: &mut [u8]) -> Answer {
    let length = c_int::try_from(buffer.len()).unwrap_or(c_int::MAX);
    // SAFETY: the kernel writes at most `length` bytes, which is no more than the buffer holds.
    answered(unsafe { syscall(libc::SYS_syslog, action, buffer.as_mut_ptr(), length) })
}

/// Returns `f_type` and `f_flags` of statfs(2) as the kernel gives them; the C libraries remove bits.
pub(crate) fn statfs(path: &CStr) -> io::Result<(u64, u64)> {
    // On 64 bits the structure consists of words, the first of them f_type and the eleventh f_flags
    // (include/uapi/asm-generic/statfs.h).
    let mut filesystem = [0_u64; 15];
    // SAFETY: the path ends with NUL, and the kernel writes 120 bytes to a local of that size.
    match unsafe { syscall(libc::SYS_statfs, path.as_ptr(), filesystem.as_mut_ptr()) } {
        0 => Ok((filesystem[0], filesystem[10])),
        _ => Err(io::Error::last_os_error()),
    }
}

pub(super) fn answered(result: c_long) -> Answer {
    if result == -1 {
        let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        Answer::Errno(errno.unsigned_abs())
    } else {
        Answer::Value(result)
    }
}

/// Asks mincore(2) for an untouched page. Linux has no resident page behind an untouched anonymous mapping: the byte is 0.
fn mincore_untouched() -> Answer {
    let mut resident = 0_u8;
    // SAFETY: the mapping is new, nobody else uses it, and it is unmapped before the function returns; mincore writes one
    // byte for the mapping's one page.
    let result = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let page = libc::mmap(ptr::null_mut(), PAGE, libc::PROT_READ, flags, -1, 0);
        if page == libc::MAP_FAILED {
            return answered(-1);
        }
        let result = syscall(libc::SYS_mincore, page, PAGE, &raw mut resident);
        let answer = answered(result);
        libc::munmap(page, PAGE);
        answer
    };
    match result {
        Answer::Value(_) => Answer::Value(resident.into()),
        errno @ Answer::Errno(_) => errno,
    }
}
