//! One worker process and the two pipes to it.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, pipe2},
};
use proto::worker::{self, Order, Progress};
use tokio::io::{Interest, unix::AsyncFd};

use crate::sys;

/// A worker process, with the bytes that it has sent of an unfinished message.
#[derive(Debug)]
pub(crate) struct Worker {
    process: Pid,
    orders: File,
    output: AsyncFd<File>,
    heard: Vec<u8>,
}

/// The ending of a worker that has closed its pipe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    Exited(i32),
    Signalled(u32),
    Unknown,
}

impl Worker {
    /// Starts a worker, which waits for its order.
    pub(crate) fn start(executable: &OwnedFd) -> io::Result<Self> {
        let (orders, our_orders) = pipe2(OFlag::O_CLOEXEC)?;
        let (output, results) = pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let process = sys::spawn(executable.as_fd(), orders.as_fd(), results.as_fd())?;
        let output = sys::watch(File::from(output), Interest::READABLE)?;
        Ok(Self { process, orders: our_orders.into(), output, heard: Vec::new() })
    }

    /// Sends the order. An order fits into a pipe's buffer (pipe(7): 64 KiB), so that the write never waits for the worker.
    pub(super) fn take_on(&mut self, order: &Order) -> Result<(), worker::Error> {
        worker::send(&mut self.orders, order)
    }

    /// Returns the worker's next message; `None` if the worker has closed its pipe.
    pub(super) async fn next(&mut self) -> Result<Option<Progress>, worker::Error> {
        loop {
            if let Some(progress) = worker::take(&mut self.heard)? {
                return Ok(Some(progress));
            }
            let mut chunk = [0; 4096];
            let read = self.output.async_io(Interest::READABLE, |mut pipe| pipe.read(&mut chunk)).await?;
            if read == 0 {
                return Ok(None);
            }
            self.heard.extend_from_slice(chunk.get(..read).unwrap_or_default());
        }
    }

    /// Returns the ending of a worker that has closed its pipe. Ends the worker if it still runs.
    pub(super) fn ending(self) -> Ending {
        // The pipe closes while the worker dies. The kernel has then already recorded the cause, which this signal does not
        // change.
        _ = kill(self.process, Signal::SIGKILL);
        match waitpid(self.process, None) {
            Ok(WaitStatus::Exited(_, code)) => Ending::Exited(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => Ending::Signalled((signal as i32).unsigned_abs()),
            _ => Ending::Unknown,
        }
    }

    /// Ends a worker without waiting for it, because it may hang in the kernel.
    pub(super) fn end(self) {
        _ = kill(self.process, Signal::SIGKILL);
        _ = waitpid(self.process, Some(WaitPidFlag::WNOHANG));
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, process::Command};

    use super::*;
    use nix::sys::wait::{Id, waitid};

    /// Runs a shell script in the worker's place; the script sends nothing and closes its pipe.
    async fn ending_of(script: &str) -> Ending {
        let (input, our_input) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let (output, results) = pipe2(OFlag::O_CLOEXEC).unwrap();
        File::from(our_input).write_all(script.as_bytes()).unwrap();
        drop(results);
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        #[expect(clippy::zombie_processes, reason = "the worker's ending waits for it")]
        let process = Command::new("/bin/sh").stdin(input).spawn().unwrap();
        let process = Pid::from_raw(process.id().cast_signed());
        let output = sys::watch(File::from(output), Interest::READABLE).unwrap();
        let orders = File::open("/dev/null").unwrap();
        let mut worker = Worker { process, orders, output, heard: Vec::new() };
        assert_eq!(worker.next().await.unwrap(), None);
        // The test's own pipe is closed before the script ends, so wait for the end as the kernel sees it.
        waitid(Id::Pid(process), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
        worker.ending()
    }

    #[tokio::test]
    async fn an_exit_code_and_a_signal_give_different_endings() {
        assert_eq!(ending_of("exit 3").await, Ending::Exited(3));
        assert_eq!(ending_of("kill -SYS $$").await, Ending::Signalled(31));
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_executed_ends_with_the_exit_code_of_a_shell() {
        let not_executable = OwnedFd::from(File::open("/dev/null").unwrap());
        let mut worker = Worker::start(&not_executable).unwrap();
        assert_eq!(worker.next().await.unwrap(), None);
        assert_eq!(worker.ending(), Ending::Exited(127));
    }
}
