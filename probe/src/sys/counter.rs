//! A clock that is read without a system call if possible.

/// Returns the processor's time-stamp counter.
#[cfg(target_arch = "x86_64")]
pub(crate) fn counter() -> u64 {
    // SAFETY: reading the counter changes nothing. If the kernel forbids the instruction, a signal ends the process
    // (prctl(2), PR_SET_TSC).
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Returns `CLOCK_MONOTONIC` in nanoseconds, by the vDSO if there is one.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn counter() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes to a local that outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec).cast_unsigned()
}
