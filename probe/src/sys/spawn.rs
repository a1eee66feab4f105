//! Starting the worker from an open descriptor.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

use nix::{
    sys::{prctl, signal::Signal},
    unistd::{ForkResult, Pid, fork},
};

/// The exit code of a child in which execution failed, as shells have it.
const NOT_EXECUTED: i32 = 127;

/// Executes an open file with one argument, and with the two descriptors as its standard input and output.
pub(crate) fn spawn(
    executable: BorrowedFd<'_>,
    input: BorrowedFd<'_>,
    output: BorrowedFd<'_>,
) -> io::Result<Pid> {
    let arguments = [c"probe".as_ptr(), c"observe".as_ptr(), ptr::null()];
    let environment = [ptr::null::<libc::c_char>()];
    // SAFETY: the probe has one thread, so the child is whole; until it executes it makes system calls alone and takes
    // no lock.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            _ = prctl::set_pdeathsig(Signal::SIGKILL);
            // SAFETY: plain descriptors, strings that end with NUL and arrays that end with null, all of which outlive
            // the calls. execveat(2) with an empty path executes the descriptor itself, without /proc. _exit ends the
            // child without running the parent's destructors.
            unsafe {
                if libc::dup2(input.as_raw_fd(), 0) == 0 && libc::dup2(output.as_raw_fd(), 1) == 1 {
                    libc::syscall(
                        libc::SYS_execveat,
                        executable.as_raw_fd(),
                        c"".as_ptr(),
                        arguments.as_ptr(),
                        environment.as_ptr(),
                        libc::AT_EMPTY_PATH,
                    );
                }
                libc::_exit(NOT_EXECUTED)
            }
        }
    }
}
