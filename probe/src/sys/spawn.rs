//! Starts the worker from an open descriptor.

use std::{
    ffi::c_void,
    io,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    ptr,
};

use libc::c_int;
use nix::unistd::Pid;

/// The exit code of a child in which execution failed, as shells use it.
const NOT_EXECUTED: c_int = 127;
/// The size of the child's stack in bytes, many times what the child needs between clone and execution.
const STACK: usize = 16 << 10;

struct Start {
    executable: RawFd,
    input: RawFd,
    output: RawFd,
}

/// Executes an open file with one argument, and with the two descriptors as its standard input and output.
///
/// The child borrows the parent's memory until it executes, as with vfork(2), because copying an address space is expensive
/// in gVisor's systrap.
pub(crate) fn spawn(
    executable: BorrowedFd<'_>,
    input: BorrowedFd<'_>,
    output: BorrowedFd<'_>,
) -> io::Result<Pid> {
    let start =
        Start { executable: executable.as_raw_fd(), input: input.as_raw_fd(), output: output.as_raw_fd() };
    let mut stack = vec![0_u128; STACK / size_of::<u128>()];
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: with CLONE_VFORK the kernel suspends this thread, the only one, until the child has executed or ended
    // (clone(2)). Stack and argument therefore outlive the child's use of them, and nobody else touches the shared memory.
    // The pointer is the aligned upper end of a stack that grows downwards.
    let process = unsafe {
        libc::clone(
            execute,
            stack.as_mut_ptr_range().end.cast::<c_void>(),
            flags,
            (&raw const start).cast_mut().cast(),
        )
    };
    if process == -1 { Err(io::Error::last_os_error()) } else { Ok(Pid::from_raw(process)) }
}

/// Runs in the child. The function makes only system calls, allocates nothing and takes no lock.
extern "C" fn execute(start: *mut c_void) -> c_int {
    let arguments = [c"probe".as_ptr(), c"observe".as_ptr(), ptr::null()];
    let environment = [ptr::null::<libc::c_char>()];
    // SAFETY: the pointer refers to the parent's `Start`, which outlives this function. The other arguments are plain
    // descriptors, strings that end with NUL and arrays that end with null. execveat(2) with an empty path executes the
    // descriptor itself, without /proc. _exit ends the child without running the parent's destructors.
    unsafe {
        let Start { executable, input, output } = *start.cast::<Start>();
        // If this call fails, a worker outlives a killed probe; the closed pipe then ends the worker.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        // If these signals are ignored, Rust's runtime sets no alternate signal stack. Such a stack would hide the flags that
        // the kernel gives to a process without one. A fault still ends the process (kernel/signal.c,
        // `force_sig_info_to_task`).
        libc::signal(libc::SIGSEGV, libc::SIG_IGN);
        libc::signal(libc::SIGBUS, libc::SIG_IGN);
        if libc::dup2(input, 0) == 0 && libc::dup2(output, 1) == 1 {
            let empty = c"".as_ptr();
            let (arguments, environment) = (arguments.as_ptr(), environment.as_ptr());
            libc::syscall(libc::SYS_execveat, executable, empty, arguments, environment, libc::AT_EMPTY_PATH);
        }
        libc::_exit(NOT_EXECUTED)
    }
}
