//! The page before the vDSO, against the processor's counter.

use std::io;

use proto::TimePage;

use super::{fault::load, process_image::page_size};

/// The largest number of readings while the page is being written.
const READINGS: u32 = 8;

/// Reads the page before the vDSO's image at this address, and the time right after; returns `None` if the page cannot be
/// read.
pub(crate) fn time_page(image: u64) -> io::Result<Option<TimePage>> {
    let page = image.wrapping_sub(page_size());
    let mut last = None;
    for _ in 0..READINGS {
        let mut words = [0; 5];
        for (offset, word) in (0..).step_by(8).zip(&mut words) {
            match load(page + offset)? {
                Some(value) => *word = value,
                None => return Ok(None),
            }
        }
        let [sequence, ready, base_cycles, base_ns, frequency] = words;
        let (cycles, now_ns) = now()?;
        last = Some(TimePage { sequence, ready, base_cycles, base_ns, frequency, cycles, now_ns });
        if sequence.is_multiple_of(2) && load(page)? == Some(sequence) {
            break;
        }
    }
    Ok(last)
}

/// Returns the processor's counter, and `CLOCK_MONOTONIC` by a system call that bypasses the vDSO.
fn now() -> io::Result<(u64, u64)> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let cycles = cycles();
    // SAFETY: the kernel writes to a local that outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, &raw mut time) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let now = time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec);
    Ok((cycles, now.cast_unsigned()))
}

/// Returns the time-stamp counter, not before earlier loads are done.
#[cfg(target_arch = "x86_64")]
fn cycles() -> u64 {
    // SAFETY: reading the counter changes nothing.
    unsafe {
        std::arch::x86_64::_mm_lfence();
        std::arch::x86_64::_rdtsc()
    }
}

/// Returns the virtual counter, not before earlier loads are done.
#[cfg(target_arch = "aarch64")]
fn cycles() -> u64 {
    let cycles: u64;
    // SAFETY: reading the counter changes nothing. Linux permits the read; a kernel that forbids it ends the worker, and the
    // crash becomes this observation.
    unsafe {
        std::arch::asm!("isb", "mrs {}, cntvct_el0", out(reg) cycles, options(nostack, preserves_flags));
    }
    cycles
}

#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
fn cycles() -> u64 {
    0
}
