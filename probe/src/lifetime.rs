//! The lifetime of a waiting process, which ends with SIGTERM, SIGINT or its last second. As PID 1 of a pod the process
//! inherits orphans and reaps them while it waits.

use std::{
    iter,
    num::NonZeroU32,
    os::fd::{AsFd, BorrowedFd},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::alarm,
};

/// The descriptor that gives the signals that end the process or announce a child's end. The signals are blocked: PID 1
/// would otherwise never see them.
#[derive(Debug)]
pub(crate) struct Lifetime(SignalFd);

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to block signals")]
    Block(#[source] Errno),
    #[error("failed to open a descriptor for signals")]
    Open(#[source] Errno),
    #[error("failed to wait for a signal or a socket")]
    Wait(#[source] Errno),
    #[error("failed to read a signal")]
    Read(#[source] Errno),
}

// === impl Lifetime ===

impl Lifetime {
    /// Begins the lifetime. The process must have no other thread, because signals that are unblocked in another thread would
    /// end the process.
    pub(crate) fn begin(seconds: NonZeroU32) -> Result<Self, Error> {
        let signals = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGALRM, Signal::SIGCHLD];
        let signals: SigSet = signals.into_iter().collect();
        signals.thread_block().map_err(Error::Block)?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let lifetime = Self(SignalFd::with_flags(&signals, flags).map_err(Error::Open)?);
        alarm::set(seconds.get());
        // No signal announces a child that ended before the signals were blocked.
        reap();
        Ok(lifetime)
    }

    /// Waits until one of the sockets can be read; returns `false` if the lifetime is over.
    pub(crate) fn goes_on(&self, sockets: &[BorrowedFd<'_>]) -> Result<bool, Error> {
        let descriptors = iter::once(self.0.as_fd()).chain(sockets.iter().copied());
        let mut descriptors: Vec<_> =
            descriptors.map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN)).collect();
        match poll(&mut descriptors, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => (),
            Err(errno) => return Err(Error::Wait(errno)),
        }
        while let Some(signal) = self.0.read_signal().map_err(Error::Read)? {
            if signal.ssi_signo != (Signal::SIGCHLD as i32).unsigned_abs() {
                return Ok(false);
            }
            reap();
        }
        Ok(true)
    }
}

fn reap() {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            // nix knows no real-time signals: EINVAL means a child that such a signal ended, and the child is reaped too.
            Ok(status) if status != WaitStatus::StillAlive => (),
            Err(Errno::EINVAL) => (),
            Ok(_) | Err(_) => return,
        }
    }
}
