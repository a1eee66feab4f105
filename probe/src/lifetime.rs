//! The time that a waiting process has: until SIGTERM, SIGINT, or its last second. As PID 1 of a pod it inherits the
//! orphans of others, and reaps them meanwhile.

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

/// Reads the signals that end the process or tell of a child. They are blocked: PID 1 would never see them otherwise.
#[derive(Debug)]
pub(crate) struct Lifetime(SignalFd);

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to block signals")]
    Block(#[source] Errno),
    #[error("failed to open a descriptor for signals")]
    Open(#[source] Errno),
    #[error("failed to wait")]
    Wait(#[source] Errno),
    #[error("failed to read a signal")]
    Read(#[source] Errno),
}

// === impl Lifetime ===

impl Lifetime {
    /// Begins it. The process has no other thread: one in which the signals are not blocked would be ended by them.
    pub(crate) fn begin(seconds: NonZeroU32) -> Result<Self, Error> {
        let signals = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGALRM, Signal::SIGCHLD];
        let signals: SigSet = signals.into_iter().collect();
        signals.thread_block().map_err(Error::Block)?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let lifetime = Self(SignalFd::with_flags(&signals, flags).map_err(Error::Open)?);
        alarm::set(seconds.get());
        // A child that ended before the signals were blocked has told nobody.
        reap();
        Ok(lifetime)
    }

    /// Waits until one of the sockets can be read; `false` when the lifetime is over.
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
            // nix knows no real-time signals: EINVAL is a child that one of them ended, and that is reaped, too.
            Ok(status) if status != WaitStatus::StillAlive => (),
            Err(Errno::EINVAL) => (),
            Ok(_) | Err(_) => return,
        }
    }
}
