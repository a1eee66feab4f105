//! The load and the frame of `AArch64`. Linux writes records behind the registers (arch/arm64/kernel/signal.c).

use std::{
    arch::global_asm,
    ffi::c_void,
    io, mem, ptr,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use libc::{c_int, mcontext_t, siginfo_t, ucontext_t};
use proto::FaultFrame;

use super::guard::{FAULTED, decline, guarded, never_had_another_stack};

/// The bytes that a frame has for records behind the registers (arch/arm64/include/uapi/asm/sigcontext.h).
const RECORDS_BYTES: usize = 4096;
/// The magic number of the record that holds the exception syndrome.
const ESR_MAGIC: u32 = 0x4553_5201;

// The load is a single instruction that may fault; the handler continues at the landing right behind it.
global_asm!(
    ".globl podproof_load",
    "podproof_load:",
    "ldr x0, [x0]",
    ".globl podproof_load_landing",
    "podproof_load_landing:",
    "ret",
);

// SAFETY: both symbols are defined above; the function reads eight bytes and clobbers x0 alone, as the C ABI allows.
unsafe extern "C" {
    fn podproof_load(address: *const u64) -> u64;
    fn podproof_load_landing();
}

static CONTEXT_FLAGS: AtomicU64 = AtomicU64::new(0);
static STACK_FLAGS: AtomicU32 = AtomicU32::new(0);
static FIRST_RECORD: AtomicU32 = AtomicU32::new(0);
static SYNDROME: AtomicU64 = AtomicU64::new(0);

extern "C" fn remember(signal: c_int, _info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the handler was installed with SA_SIGINFO, so the kernel passes a ucontext_t that nobody else uses
    // until the handler returns (sigaction(2)).
    let frame = unsafe { &mut *context.cast::<ucontext_t>() };
    CONTEXT_FLAGS.store(frame.uc_flags, Relaxed);
    STACK_FLAGS.store(frame.uc_stack.ss_flags.cast_unsigned(), Relaxed);
    remember_records(context.cast());
    FAULTED.store(true, Relaxed);
    if frame.uc_mcontext.pc == podproof_load as *const () as u64 {
        frame.uc_mcontext.pc = podproof_load_landing as *const () as u64;
    } else {
        decline(signal);
    }
}

/// Keeps the first record's number and the syndrome. Records end with one whose number is 0; gVisor's frame has that alone.
fn remember_records(context: *const u8) {
    let registers = mem::offset_of!(mcontext_t, pstate) + size_of::<u64>();
    let first = (mem::offset_of!(ucontext_t, uc_mcontext) + registers).next_multiple_of(16);
    FIRST_RECORD.store(0, Relaxed);
    SYNDROME.store(0, Relaxed);
    let mut offset = 0;
    while offset + 16 <= RECORDS_BYTES {
        // SAFETY: a record begins at a multiple of 16 with its number and its size, and the closing record has number 0. The
        // reads lie right behind the bytes that the record before announced, within the bytes that a frame has for records.
        let (magic, size) = unsafe {
            let record = context.add(first + offset).cast::<u32>();
            (record.read_unaligned(), record.add(1).read_unaligned())
        };
        if magic == 0 || size < 16 || !size.is_multiple_of(16) {
            break;
        }
        if offset == 0 {
            FIRST_RECORD.store(magic, Relaxed);
        }
        if magic == ESR_MAGIC {
            // SAFETY: this record has 16 bytes, and the syndrome is its second word.
            let syndrome = unsafe { context.add(first + offset + 8).cast::<u64>().read_unaligned() };
            SYNDROME.store(syndrome, Relaxed);
        }
        offset = offset.saturating_add(usize::try_from(size).unwrap_or(RECORDS_BYTES));
    }
}

/// Returns the word at an address; `None` if the address is not mapped.
pub(in super::super) fn load(address: u64) -> io::Result<Option<u64>> {
    let address = ptr::with_exposed_provenance(usize::try_from(address).unwrap_or_default());
    // SAFETY: the handler takes a load that faults to its landing. Any other load reads eight bytes, and nothing relies
    // on their value.
    guarded(remember, || unsafe { podproof_load(address) })
}

pub(super) fn fault_frame() -> io::Result<FaultFrame> {
    // The null page is normally unmapped (vm.mmap_min_addr). If it is mapped, there is no frame.
    if load(8)?.is_some() {
        return Err(io::Error::other("the null page is mapped"));
    }
    Ok(FaultFrame {
        trap_number: FIRST_RECORD.load(Relaxed).into(),
        error_code: SYNDROME.load(Relaxed),
        context_flags: CONTEXT_FLAGS.load(Relaxed),
        stack_flags: never_had_another_stack().then(|| STACK_FLAGS.load(Relaxed)),
    })
}
