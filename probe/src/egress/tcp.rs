//! A connection on its way. It is closed when it was made; nothing is sent over it.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    task::Poll,
};

use nix::{
    errno::Errno,
    sys::socket::{SockType, getsockopt, sockopt},
};
use proto::Target;

use super::socket;

#[derive(Debug)]
pub(super) struct Connection(OwnedFd);

impl Connection {
    pub(super) fn begin(target: &Target) -> nix::Result<Self> {
        let socket = socket::open(target, SockType::Stream)?;
        match socket::connect(&socket, target) {
            Ok(()) | Err(Errno::EINPROGRESS) => Ok(Self(socket)),
            Err(errno) => Err(errno),
        }
    }

    /// How it ended (connect(2), `EINPROGRESS`); asked only where the socket is writable.
    pub(super) fn outcome(&self) -> Poll<nix::Result<()>> {
        Poll::Ready(match getsockopt(&self.0, sockopt::SocketError) {
            Ok(0) => Ok(()),
            Ok(errno) => Err(Errno::from_raw(errno)),
            Err(errno) => Err(errno),
        })
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
