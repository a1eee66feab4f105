//! Data that the kernel left in this process's memory when it started the process.

use std::{
    ffi::{CStr, c_char},
    iter, ptr, slice,
};

/// The largest number of entries that are read; no kernel gives more (`fs/binfmt_elf.c` writes about twenty).
const MOST_ENTRIES: usize = 64;
/// The largest number of bytes that are read of a vDSO, far above the kernel's own bound (two pages on x86-64).
const MOST_IMAGE: usize = 1 << 16;

/// Returns the tags and values of the auxiliary vector, which lies on the initial stack behind the environment's closing null
/// (the System V ABI).
pub(crate) fn auxiliary_vector() -> Vec<(u64, u64)> {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    // SAFETY: `environ` is as the kernel laid it out, because nothing in the probe changes the environment: pointers up to a
    // null, then pairs of words up to a pair whose tag is AT_NULL. The reads stop there.
    unsafe {
        if environ.is_null() {
            return Vec::new();
        }
        let mut end = environ;
        while !(*end).is_null() {
            end = end.add(1);
        }
        let mut entry = end.add(1).cast::<[u64; 2]>();
        iter::from_fn(|| {
            let [tag, value] = ptr::read_unaligned(entry);
            entry = entry.add(1);
            (tag != libc::AT_NULL).then_some((tag, value))
        })
        .take(MOST_ENTRIES)
        .collect()
    }
}

/// Returns the string of `AT_PLATFORM`; `None` if the vector has no such entry.
pub(crate) fn platform() -> Option<String> {
    string(libc::AT_PLATFORM)
}

/// Returns the name by which this process was executed (`AT_EXECFN`).
pub(crate) fn execution_name() -> Option<String> {
    string(libc::AT_EXECFN)
}

/// Returns the address of the vDSO's image (`AT_SYSINFO_EHDR`); `None` if the kernel maps none.
pub(crate) fn vdso_address() -> Option<u64> {
    value(libc::AT_SYSINFO_EHDR)
}

/// Returns the size of a page in bytes (`AT_PAGESZ`).
pub(super) fn page_size() -> u64 {
    value(libc::AT_PAGESZ).unwrap_or(4096)
}

/// Returns the bytes of the vDSO's image up to the end of its loadable segments; `None` if the kernel maps no image.
pub(crate) fn vdso() -> Option<Vec<u8>> {
    const HEADER: usize = 64;
    const PROGRAM_HEADER: usize = 56;
    let base = vdso_address()?;
    let base: *const u8 = ptr::with_exposed_provenance(usize::try_from(base).ok()?);
    // SAFETY: at AT_SYSINFO_EHDR the kernel maps a whole readable ELF image for the life of the process (vdso(7)). The
    // image's headers lie in its first page; the rest is read only as far as a loadable segment states that it is mapped. If
    // the kernel's statement is false, a signal ends the worker, and the crash becomes this observation.
    let memory = |length: usize| unsafe { slice::from_raw_parts(base, length) };
    let header = memory(HEADER);
    let count = usize::from(u16::from_le_bytes(*header.get(56..)?.first_chunk()?));
    let table = usize::try_from(u64::from_le_bytes(*header.get(32..)?.first_chunk()?)).ok()?;
    let headers = memory((table + count * PROGRAM_HEADER).min(4096)).get(table..)?;
    let segments = headers.chunks_exact(PROGRAM_HEADER).filter_map(|segment| {
        let loadable = u32::from_le_bytes(*segment.first_chunk()?) == 1;
        let offset = u64::from_le_bytes(*segment.get(8..)?.first_chunk()?);
        let size = u64::from_le_bytes(*segment.get(32..)?.first_chunk()?);
        loadable.then(|| offset.saturating_add(size))
    });
    let end = usize::try_from(segments.max()?).ok()?;
    Some(memory(end.min(MOST_IMAGE)).to_vec())
}

fn value(tag: u64) -> Option<u64> {
    auxiliary_vector().into_iter().find_map(|(found, value)| (found == tag).then_some(value))
}

fn string(tag: u64) -> Option<String> {
    let address: *const c_char = ptr::with_exposed_provenance(usize::try_from(value(tag)?).ok()?);
    // SAFETY: the values of these tags are addresses of strings on the initial stack, which end with NUL and exist for the
    // life of the process (getauxval(3)).
    (!address.is_null()).then(|| unsafe { CStr::from_ptr(address) }.to_string_lossy().into_owned())
}
