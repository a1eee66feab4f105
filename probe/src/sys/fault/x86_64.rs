//! The loads and the frame of x86-64.

use std::{
    arch::global_asm,
    ffi::c_void,
    io, ptr,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use libc::{c_int, siginfo_t, ucontext_t};
use proto::FaultFrame;

use super::guard::{FAULTED, decline, guarded, never_had_another_stack};

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
        _ => decline(signal),
    }
}

/// Returns the word at an address; `None` if the address is not mapped.
pub(in super::super) fn load(address: u64) -> io::Result<Option<u64>> {
    let address = ptr::with_exposed_provenance(usize::try_from(address).unwrap_or_default());
    // SAFETY: the handler takes a load that faults to its landing. Any other load reads eight bytes, and nothing relies
    // on their value.
    guarded(remember, || unsafe { podproof_load(address) })
}

/// Returns the word at gs:0; `None` if gs:0 is not mapped.
pub(in super::super) fn load_gs() -> io::Result<Option<u64>> {
    // SAFETY: as with `load`.
    guarded(remember, || unsafe { podproof_load_gs() })
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
