//! The frame that the kernel gives to the handler of a page fault which the probe brings about.

use std::io;

use proto::FaultFrame;

/// Reads from an address that is never mapped, and returns what the kernel told the handler. `None` on architectures
/// whose frame is not evidence.
#[cfg(target_arch = "x86_64")]
pub(crate) fn fault_frame() -> io::Result<Option<FaultFrame>> {
    x86_64::fault_frame().map(Some)
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn fault_frame() -> io::Result<Option<FaultFrame>> {
    Ok(None)
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::{
        arch::global_asm,
        ffi::c_void,
        io, mem, ptr,
        sync::{
            Mutex, PoisonError,
            atomic::{AtomicU64, Ordering::Relaxed},
        },
    };

    use libc::{c_int, sigaction, siginfo_t, ucontext_t};
    use proto::FaultFrame;

    // A load whose address the caller chooses, and the place right behind it, where the handler goes on.
    global_asm!(
        ".globl podproof_fault",
        "podproof_fault:",
        "mov al, byte ptr [rdi]",
        ".globl podproof_fault_landing",
        "podproof_fault_landing:",
        "ret",
    );

    // SAFETY: both symbols are defined above; the function reads one byte and clobbers al alone, as the C ABI lets it.
    unsafe extern "C" {
        fn podproof_fault(address: *const u8);
        fn podproof_fault_landing();
    }

    /// The handler belongs to the whole process: one fault at a time.
    static FAULTING: Mutex<()> = Mutex::new(());
    static TRAP_NUMBER: AtomicU64 = AtomicU64::new(0);
    static ERROR_CODE: AtomicU64 = AtomicU64::new(0);
    static CONTEXT_FLAGS: AtomicU64 = AtomicU64::new(0);

    extern "C" fn remember(_signal: c_int, _info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: the handler was installed with SA_SIGINFO, so the kernel passes a ucontext_t that nobody else uses
        // until the handler returns (sigaction(2)).
        let context = unsafe { &mut *context.cast::<ucontext_t>() };
        let registers = &mut context.uc_mcontext.gregs;
        let register = |number: c_int| usize::try_from(number).unwrap_or_default();
        let value = |number: c_int| registers.get(register(number)).map_or(0, |value| value.cast_unsigned());
        TRAP_NUMBER.store(value(libc::REG_TRAPNO), Relaxed);
        ERROR_CODE.store(value(libc::REG_ERR), Relaxed);
        CONTEXT_FLAGS.store(context.uc_flags, Relaxed);
        let landing = podproof_fault_landing as *const () as i64;
        if let Some(instruction) = registers.get_mut(register(libc::REG_RIP)) {
            *instruction = landing;
        }
    }

    pub(super) fn fault_frame() -> io::Result<FaultFrame> {
        let _alone = FAULTING.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: a sigaction of zeroes is a value of its type: no handler, no flags, an empty mask.
        let (mut ours, mut theirs): (sigaction, sigaction) = unsafe { (mem::zeroed(), mem::zeroed()) };
        ours.sa_sigaction = remember as *const () as usize;
        ours.sa_flags = libc::SA_SIGINFO;
        // SAFETY: both structures outlive the calls. The load faults on the null page, and the handler, which stores to
        // atomics alone, moves on to the landing; where the page is mapped after all, the load reads one byte. The
        // lock keeps other faults of this kind away; the handler that was there is put back.
        unsafe {
            if sigaction(libc::SIGSEGV, &raw const ours, &raw mut theirs) != 0 {
                return Err(io::Error::last_os_error());
            }
            podproof_fault(ptr::without_provenance(8));
            sigaction(libc::SIGSEGV, &raw const theirs, ptr::null_mut());
        }
        Ok(FaultFrame {
            trap_number: TRAP_NUMBER.load(Relaxed),
            error_code: ERROR_CODE.load(Relaxed),
            context_flags: CONTEXT_FLAGS.load(Relaxed),
        })
    }
}
