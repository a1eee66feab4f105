//! Waits for a descriptor to become ready.

use std::{fs::File, io};

use tokio::io::{Interest, unix::AsyncFd};

/// Registers a non-blocking file with the runtime.
pub(crate) fn watch(file: File, interest: Interest) -> io::Result<AsyncFd<File>> {
    // SAFETY: a File owns its descriptor and returns the same one for its whole life.
    Ok(unsafe { AsyncFd::register_with_interest(file, interest) }?)
}
