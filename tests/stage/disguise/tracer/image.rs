//! The initial memory of a new program, rewritten as gVisor would have filled it.

use std::fs;

use elf::{ElfBytes, endian::LittleEndian};
use nix::{errno::Errno, libc, unistd::Pid};
use stage::worlds;

use super::super::{Result, forged};

/// `VDSO_PRELINK` of gVisor's `vdso/vdso_amd64.lds` and `vdso/vdso_arm64.lds`.
const LINK_ADDRESS: u64 = 0xffff_ffff_ff70_0000;
/// Size of gVisor's vDSO in bytes. Linux's may be smaller.
const VDSO: usize = 2 * PAGE;
const PAGE: usize = 1 << 12;
/// Alignment of data that Go embeds, in bytes.
const ALIGNMENT: usize = 16;
/// Entries that gVisor's auxiliary vector lacks (`pkg/sentry/loader/loader.go`).
const LEFT_OUT: [u64; 7] = [
    libc::AT_FLAGS,
    libc::AT_HWCAP,
    libc::AT_HWCAP2,
    libc::AT_MINSIGSTKSZ,
    libc::AT_PLATFORM,
    AT_RSEQ_FEATURE_SIZE,
    AT_RSEQ_ALIGN,
];
/// Types of entries in the auxiliary vector (include/uapi/linux/auxvec.h).
const AT_RSEQ_FEATURE_SIZE: u64 = 27;
const AT_RSEQ_ALIGN: u64 = 28;
/// Bytes of the initial stack that are searched.
const STACK: usize = 4096;
/// Functions of the vDSO. They read a page that only gVisor maps, so each is replaced by its system call.
#[cfg(target_arch = "x86_64")]
const FUNCTIONS: &[(&str, i64)] = &[
    ("__vdso_clock_gettime", libc::SYS_clock_gettime),
    ("__vdso_gettimeofday", libc::SYS_gettimeofday),
    ("__vdso_time", libc::SYS_time),
    ("__vdso_getcpu", libc::SYS_getcpu),
];
#[cfg(target_arch = "aarch64")]
const FUNCTIONS: &[(&str, i64)] = &[
    ("__kernel_clock_gettime", libc::SYS_clock_gettime),
    ("__kernel_gettimeofday", libc::SYS_gettimeofday),
    ("__kernel_clock_getres", libc::SYS_clock_getres),
];

/// gVisor's vDSO with functions that work on Linux.
#[derive(Debug)]
pub(super) struct Image {
    vdso: Vec<u8>,
}

impl Image {
    /// Extracts the vDSO from this machine's runsc, which embeds it unchanged.
    pub(super) fn of_the_machines_runsc() -> Result<Self> {
        let runsc = fs::read(worlds::installed("runsc")?)?;
        let places = (0..runsc.len()).step_by(ALIGNMENT);
        let mut candidates = places
            .filter_map(|place| runsc.get(place..place + VDSO))
            .filter(|bytes| bytes.starts_with(b"\x7fELF"));
        let found = candidates.find_map(|bytes| Some((bytes, functions(bytes)?)));
        let (vdso, functions) = found.ok_or("the machine's runsc carries no vDSO")?;
        let mut vdso = vdso.to_vec();
        for (place, call) in functions {
            let code = code(u32::try_from(call)?);
            vdso.get_mut(place..place + code.len()).ok_or("a function lies outside")?.copy_from_slice(&code);
        }
        Ok(Self { vdso })
    }

    /// Writes the vDSO over Linux's own in a process that has just executed a program, by the top of its stack.
    pub(super) fn impose(&self, process: Pid, top: u64) -> nix::Result<()> {
        let stack = forged::read(process.as_raw(), top, STACK).map_err(|_| Errno::EFAULT)?;
        let words: Vec<_> = stack
            .chunks_exact(8)
            .filter_map(|bytes| bytes.first_chunk().copied().map(u64::from_ne_bytes))
            .collect();
        // A count, arguments up to a null, the environment up to a null, then the vector.
        let nulls = words.iter().enumerate().skip(1).filter(|(_, word)| **word == 0);
        let start = nulls.map(|(place, _)| place).nth(1).ok_or(Errno::EFAULT)? + 1;
        let pairs = words.get(start..).unwrap_or_default().chunks_exact(2);
        let vector: Vec<_> =
            pairs.take_while(|pair| pair.first() != Some(&libc::AT_NULL)).map(<[u64]>::to_vec).collect();
        let value =
            |tag: u64| vector.iter().find(|pair| pair.first() == Some(&tag)).and_then(|pair| pair.get(1));
        let vdso = value(libc::AT_SYSINFO_EHDR).copied();
        let kept = vector.iter().filter(|pair| pair.first().is_none_or(|tag| !LEFT_OUT.contains(tag)));
        let mut kept: Vec<_> = kept.flatten().copied().collect();
        kept.resize(vector.len() * 2, libc::AT_NULL);
        let bytes: Vec<_> = kept.into_iter().flat_map(u64::to_ne_bytes).collect();
        let place = top + u64::try_from(start * 8).unwrap_or_default();
        forged::write(process.as_raw(), place, &bytes).map_err(|_| Errno::EFAULT)?;
        let Some(mut place) = vdso else { return Ok(()) };
        for (number, page) in self.vdso.chunks(PAGE).enumerate() {
            match forged::write(process.as_raw(), place, page) {
                Err(_) if number == 0 => return Err(Errno::EFAULT),
                // The rest has no place.
                Err(_) => break,
                Ok(()) => place += PAGE as u64,
            }
        }
        Ok(())
    }
}

/// Returns instructions that make a call and return.
#[cfg(target_arch = "x86_64")]
fn code(call: u32) -> Vec<u8> {
    // mov eax, CALL; syscall; ret
    [&[0xb8][..], &call.to_le_bytes(), &[0x0f, 0x05, 0xc3]].concat()
}

#[cfg(target_arch = "aarch64")]
fn code(call: u32) -> Vec<u8> {
    // mov w8, CALL; svc 0; ret
    [0x5280_0008 | call << 5, 0xd400_0001, 0xd65f_03c0].map(u32::to_le_bytes).concat()
}

/// Returns the offsets of the functions in an image that is linked for gVisor's address, each with its system call.
fn functions(image: &[u8]) -> Option<Vec<(usize, i64)>> {
    let file = ElfBytes::<LittleEndian>::minimal_parse(image).ok()?;
    file.segments()?.iter().find(|segment| segment.p_vaddr == LINK_ADDRESS)?;
    let (symbols, names) = file.dynamic_symbol_table().ok()??;
    let functions = symbols.iter().filter_map(|symbol| {
        let name = names.get(usize::try_from(symbol.st_name).ok()?).ok()?;
        let (_, call) = FUNCTIONS.iter().find(|(function, _)| *function == name)?;
        Some((usize::try_from(symbol.st_value.checked_sub(LINK_ADDRESS)?).ok()?, *call))
    });
    Some(functions.collect())
}
