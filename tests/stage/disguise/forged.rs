//! gVisor's answers, given by an imitation.

use std::{fs::File, io, os::unix::fs::FileExt};

use nix::libc;
use stage::{
    fingerprint::{self, Reply},
    texts,
};

/// Size of each of uname(2)'s names, in bytes.
const NAME: usize = 65;
/// `SYSLOG_ACTION_READ_ALL` and `SYSLOG_ACTION_SIZE_BUFFER` (syslog(2)), and gVisor's answer to the latter.
const READ_ALL: u64 = 3;
const SIZE_BUFFER: u64 = 10;
const LOG_SIZE: i64 = 131_072;

/// Writes the values that a call returns by pointer into the caller's memory, and returns the call's result in the
/// kernel's ABI, where an error is negative. Returns `None` for a call that is not imitated.
pub(super) fn result(process: i32, number: i64, arguments: [u64; 6]) -> Option<i64> {
    let [first, second, third, ..] = arguments;
    match number {
        libc::SYS_syslog => Some(kernel_log(process, first, second, third)),
        libc::SYS_uname => {
            let names = texts::NAMES
                .iter()
                .flat_map(|name| name.bytes().chain(std::iter::repeat(0)).take(NAME).collect::<Vec<_>>());
            Some(written(process, first, &names.collect::<Vec<_>>(), 0))
        }
        _ => Some(match fingerprint::answer(number, arguments)?.reply {
            Reply::Errno(errno) => -i64::from(errno),
            Reply::OneNanosecond => {
                let time = [0_i64.to_ne_bytes(), 1_i64.to_ne_bytes()].concat();
                written(process, second, &time, 0)
            }
            Reply::Resident => written(process, third, &[1], 0),
        }),
    }
}

fn kernel_log(process: i32, action: u64, buffer: u64, size: u64) -> i64 {
    let log = texts::KERNEL_LOG.as_bytes();
    match action & 0xffff_ffff {
        READ_ALL => {
            let length = usize::try_from(size & 0x7fff_ffff).unwrap_or_default().min(log.len());
            let read = log.get(..length).unwrap_or_default();
            written(process, buffer, read, i64::try_from(length).unwrap_or_default())
        }
        SIZE_BUFFER => LOG_SIZE,
        _ => -i64::from(libc::ENOSYS),
    }
}

fn written(process: i32, address: u64, bytes: &[u8], result: i64) -> i64 {
    match write(process, address, bytes) {
        Ok(()) => result,
        Err(_) => -i64::from(libc::EFAULT),
    }
}

/// Writes another process's memory, also where that process may only read it (proc(5), `/proc/PID/mem`).
pub(super) fn write(process: i32, address: u64, bytes: &[u8]) -> io::Result<()> {
    memory(process)?.write_all_at(bytes, address)
}

/// Reads another process's memory, as far as it is mapped.
pub(super) fn read(process: i32, address: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let read = memory(process)?.read_at(&mut bytes, address)?;
    bytes.truncate(read);
    Ok(bytes)
}

fn memory(process: i32) -> io::Result<File> {
    File::options().read(true).write(true).open(format!("/proc/{process}/mem"))
}
