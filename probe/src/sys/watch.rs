//! Waiting for a descriptor.

use std::{fs::File, io};

use tokio::io::{Interest, unix::AsyncFd};

/// Registers a file that does not block with the runtime.
pub(crate) fn watch(file: File, interest: Interest) -> io::Result<AsyncFd<File>> {
    // SAFETY: a File owns its descriptor and gives the same one each time, as long as it lives.
    Ok(unsafe { AsyncFd::register_with_interest(file, interest) }?)
}
