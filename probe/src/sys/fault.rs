//! Loads from addresses that may be unmapped, and the frame that the kernel gives to the handler of a page fault.

use std::io;

use proto::FaultFrame;

#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::{load, load_gs};

/// Reads from an address that is never mapped, and returns the frame that the kernel gave to the handler; `None` on
/// architectures whose frame is not evidence.
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
            atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
        },
    };

    use libc::{c_int, sigaction, siginfo_t, stack_t, ucontext_t};
    use proto::FaultFrame;

    // Two loads, each a single instruction that may fault, and the landing right behind it, at which the handler continues.
    global_asm!(
        ".globl podproof_load",
        "podproof_load:",
        "mov rax, qword ptr [rdi]",
        ".globl podproof_load_landing",
        "podproof_load_landing:",
        "ret",
        ".globl podproof_load_gs",
        "podproof_load_gs:",
        "mov rax, qword ptr gs:[0]",
        ".globl podproof_load_gs_landing",
        "podproof_load_gs_landing:",
        "ret",
    );

    // SAFETY: all symbols are defined above; the functions read eight bytes and clobber rax alone, as the C ABI allows.
    unsafe extern "C" {
        fn podproof_load(address: *const u64) -> u64;
        fn podproof_load_landing();
        fn podproof_load_gs() -> u64;
        fn podproof_load_gs_landing();
    }

    /// Admits one load at a time, because the handler belongs to the whole process.
    static LOADING: Mutex<()> = Mutex::new(());
    static FAULTED: AtomicBool = AtomicBool::new(false);
    static TRAP_NUMBER: AtomicU64 = AtomicU64::new(0);
    static ERROR_CODE: AtomicU64 = AtomicU64::new(0);
    static CONTEXT_FLAGS: AtomicU64 = AtomicU64::new(0);
    static STACK_FLAGS: AtomicU32 = AtomicU32::new(0);

    extern "C" fn remember(signal: c_int, _info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: the handler was installed with SA_SIGINFO, so the kernel passes a ucontext_t that nobody else uses
        // until the handler returns (sigaction(2)).
        let context = unsafe { &mut *context.cast::<ucontext_t>() };
        let registers = &mut context.uc_mcontext.gregs;
        let register = |number: c_int| usize::try_from(number).unwrap_or_default();
        let value = |number: c_int| registers.get(register(number)).map_or(0, |value| value.cast_unsigned());
        TRAP_NUMBER.store(value(libc::REG_TRAPNO), Relaxed);
        ERROR_CODE.store(value(libc::REG_ERR), Relaxed);
        CONTEXT_FLAGS.store(context.uc_flags, Relaxed);
        STACK_FLAGS.store(context.uc_stack.ss_flags.cast_unsigned(), Relaxed);
        FAULTED.store(true, Relaxed);
        let at = value(libc::REG_RIP);
        let landings = [
            (podproof_load as *const () as u64, podproof_load_landing as *const () as u64),
            (podproof_load_gs as *const () as u64, podproof_load_gs_landing as *const () as u64),
        ];
        let landing = landings.into_iter().find_map(|(load, landing)| (load == at).then_some(landing));
        match (landing, registers.get_mut(register(libc::REG_RIP))) {
            (Some(landing), Some(instruction)) => *instruction = landing.cast_signed(),
            // This fault is not one of ours: without a handler it occurs again and ends the process.
            // SAFETY: the call sets the default action (signal(2)) and borrows nothing.
            _ => drop(unsafe { libc::signal(signal, libc::SIG_DFL) }),
        }
    }

    /// Returns the value of a load; `None` if the load faulted.
    fn guarded(access: impl FnOnce() -> u64) -> io::Result<Option<u64>> {
        let _alone = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        let segv = Handler::install(libc::SIGSEGV)?;
        let bus = Handler::install(libc::SIGBUS)?;
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
        fn install(signal: c_int) -> io::Result<Self> {
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

    /// Returns the word at an address; `None` if the address is not mapped.
    pub(in super::super) fn load(address: u64) -> io::Result<Option<u64>> {
        let address = ptr::with_exposed_provenance(usize::try_from(address).unwrap_or_default());
        // SAFETY: the handler takes a load that faults to its landing. Any other load reads eight bytes, and nothing relies
        // on their value.
        guarded(|| unsafe { podproof_load(address) })
    }

    /// Returns the word at gs:0; `None` if gs:0 is not mapped.
    pub(in super::super) fn load_gs() -> io::Result<Option<u64>> {
        // SAFETY: as with `load`.
        guarded(|| unsafe { podproof_load_gs() })
    }

    pub(super) fn fault_frame() -> io::Result<FaultFrame> {
        // The null page is normally unmapped (vm.mmap_min_addr). If it is mapped, there is no frame.
        if load(8)?.is_some() {
            return Err(io::Error::other("the null page is mapped"));
        }
        Ok(FaultFrame {
            trap_number: TRAP_NUMBER.load(Relaxed),
            error_code: ERROR_CODE.load(Relaxed),
            context_flags: CONTEXT_FLAGS.load(Relaxed),
            stack_flags: never_had_another_stack().then(|| STACK_FLAGS.load(Relaxed)),
        })
    }

    /// Returns true if the process has had no alternate signal stack. Rust's runtime sets one unless SIGSEGV was ignored when
    /// the runtime started, as in the worker.
    fn never_had_another_stack() -> bool {
        let mut stack = stack_t { ss_sp: ptr::null_mut(), ss_flags: 0, ss_size: 0 };
        // SAFETY: the kernel writes to a local, and changes nothing if no new stack is given (sigaltstack(2)).
        let asked = unsafe { libc::sigaltstack(ptr::null(), &raw mut stack) };
        asked == 0 && stack.ss_flags & libc::SS_DISABLE != 0 && stack.ss_size == 0
    }
}
