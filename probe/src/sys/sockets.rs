//! Options of sockets, as the kernel gives them.

use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_int, socklen_t};
use proto::Answer;

use super::calls::answered;

/// The value of an option that is a number.
pub(crate) fn socket_option(socket: BorrowedFd<'_>, level: c_int, name: c_int) -> Answer {
    let mut value: c_int = 0;
    match option(socket, level, name, bytes_of(&mut value)) {
        Ok(_) => Answer::Value(value.into()),
        Err(errno) => errno,
    }
}

/// The bytes of an option, as many as the kernel has for the room that is offered.
pub(crate) fn socket_option_bytes(
    socket: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    room: &mut [u8],
) -> Result<usize, Answer> {
    option(socket, level, name, room)
}

fn bytes_of(value: &mut c_int) -> &mut [u8] {
    // SAFETY: every four bytes are an int, and the slice borrows the int for as long as it lives.
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
