//! The probe's own executable, opened once, so that a worker can start from it even if `/proc` is missing or hidden.

use std::{fs::OpenOptions, io, os::fd::OwnedFd, os::unix::fs::OpenOptionsExt};

use crate::sys;

/// Opens the file that this process was started from: by `/proc`, or else by the name that the kernel was given.
pub(crate) fn open() -> io::Result<OwnedFd> {
    let by_path = |path: &str| {
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_CLOEXEC)
            .open(path)
            .map(OwnedFd::from)
    };
    by_path("/proc/self/exe").or_else(|error| match sys::execution_name() {
        Some(name) => by_path(&name),
        None => Err(error),
    })
}
