//! Socket options as the kernel gives them.

use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_int, socklen_t};
use proto::Answer;

use super::calls::answered;

/// Returns the value of a numeric option.
pub(crate) fn socket_option(socket: BorrowedFd<'_>, level: c_int, name: c_int) -> Answer {
    let mut value: c_int = 0;
    match option(socket, level, name, bytes_of(&mut value)) {
        Ok(_) => Answer::Value(value.into()),
        Err(errno) => errno,
    }
}

/// Reads the bytes of an option into `room`; returns the number of bytes that the kernel wrote.
pub(crate) fn socket_option_bytes(
    socket: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    room: &mut [u8],
) -> Result<usize, Answer> {
    option(socket, level, name, room)
}

fn bytes_of(value: &mut c_int) -> &mut [u8] {
    // SAFETY: any four bytes are a valid int, and the slice borrows the int for the slice's whole life.
    unsafe { std::slice::from_raw_parts_mut(std::ptr::from_mut(value).cast(), size_of::<c_int>()) }
}

fn option(socket: BorrowedFd<'_>, level: c_int, name: c_int, room: &mut [u8]) -> Result<usize, Answer> {
    let mut length = socklen_t::try_from(room.len()).unwrap_or(socklen_t::MAX);
    // SAFETY: the kernel writes at most `length` bytes, which is no more than there is room for (getsockopt(2)).
    let result = unsafe {
        libc::syscall(
            libc::SYS_getsockopt,
            socket.as_raw_fd(),
            level,
            name,
            room.as_mut_ptr(),
            &raw mut length,
        )
    };
    match answered(result) {
        Answer::Value(_) => Ok(usize::try_from(length).unwrap_or_default()),
        errno @ Answer::Errno(_) => Err(errno),
    }
}
