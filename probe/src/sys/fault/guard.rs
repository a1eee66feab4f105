//! A handler that survives a load's fault, for the time of the load.

use std::{
    ffi::c_void,
    io, mem, ptr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use libc::{c_int, sigaction, siginfo_t, stack_t};

/// A function that the kernel calls at a signal.
pub(super) type Remember = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// Admits one load at a time, because the handler belongs to the whole process.
static LOADING: Mutex<()> = Mutex::new(());
/// True after the handler has met a fault.
pub(super) static FAULTED: AtomicBool = AtomicBool::new(false);

/// Returns the value of a load; `None` if the load faulted, which the handler notes in [`FAULTED`].
pub(super) fn guarded(remember: Remember, access: impl FnOnce() -> u64) -> io::Result<Option<u64>> {
    let _alone = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    let segv = Handler::install(libc::SIGSEGV, remember)?;
    let bus = Handler::install(libc::SIGBUS, remember)?;
    FAULTED.store(false, Relaxed);
    let value = access();
    drop((segv, bus));
    Ok((!FAULTED.load(Relaxed)).then_some(value))
}

/// Our handler in place of another one, which is restored on drop.
struct Handler {
    signal: c_int,
    theirs: sigaction,
}

impl Handler {
    fn install(signal: c_int, remember: Remember) -> io::Result<Self> {
        // SAFETY: a sigaction of zeroes is a valid value: no handler, no flags, an empty mask.
        let (mut ours, mut theirs): (sigaction, sigaction) = unsafe { (mem::zeroed(), mem::zeroed()) };
        ours.sa_sigaction = remember as *const () as usize;
        ours.sa_flags = libc::SA_SIGINFO;
        // SAFETY: both structures outlive the call; the handler stores to atomics alone.
        match unsafe { sigaction(signal, &raw const ours, &raw mut theirs) } {
            0 => Ok(Self { signal, theirs }),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        // SAFETY: the kernel gave this structure for this very signal.
        unsafe { sigaction(self.signal, &raw const self.theirs, ptr::null_mut()) };
    }
}

/// Lets a fault that is not ours occur again without a handler, which ends the process.
pub(super) fn decline(signal: c_int) {
    // SAFETY: the call sets the default action (signal(2)) and borrows nothing.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// Returns true if the process has had no alternate signal stack. Rust's runtime sets one unless SIGSEGV was ignored when
/// the runtime started, as in the worker.
pub(super) fn never_had_another_stack() -> bool {
    let mut stack = stack_t { ss_sp: ptr::null_mut(), ss_flags: 0, ss_size: 0 };
    // SAFETY: the kernel writes to a local, and changes nothing if no new stack is given (sigaltstack(2)).
    let asked = unsafe { libc::sigaltstack(ptr::null(), &raw mut stack) };
    asked == 0 && stack.ss_flags & libc::SS_DISABLE != 0 && stack.ss_size == 0
}
