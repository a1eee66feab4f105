//! A connection under way, over which nothing is sent. The connection is closed when it is made, or when the run's own
//! listener has shown its token.

use std::{
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    task::Poll,
};

use nix::{
    errno::Errno,
    poll::PollFlags,
    sys::socket::{MsgFlags, SockType, SockaddrStorage, UnixAddr, getsockopt, recv, sockopt},
};
use proto::{Nonce, Protocol, Reach, Target};

use super::{ending::Ending, socket};

#[derive(Debug)]
pub(super) struct Connection {
    socket: OwnedFd,
    token: Option<Nonce>,
    made: bool,
}

/// The socket types that a Unix socket may have (unix(7)). Connecting a datagram socket sends no datagram.
const KINDS: [SockType; 3] = [SockType::Stream, SockType::SeqPacket, SockType::Datagram];

/// Connects to a Unix socket of any type. The connection is made at once or fails at once.
pub(super) fn local(name: &str) -> Ending {
    let connected = |kind| {
        let address = match name.strip_prefix('@') {
            Some(name) => UnixAddr::new_abstract(name.as_bytes())?,
            None => UnixAddr::new(name)?,
        };
        let socket = socket::open(nix::sys::socket::AddressFamily::Unix, kind, None)?;
        socket::connect(&socket, &address)
    };
    let mut first = None;
    for kind in KINDS {
        match connected(kind) {
            // EAGAIN means a busy listener, which was reached all the same.
            Ok(()) | Err(Errno::EAGAIN) => return Ending::of(Reach::Reached),
            Err(errno) => _ = first.get_or_insert(errno),
        }
    }
    Ending::at_once(first.unwrap_or(Errno::EPROTOTYPE), Protocol::Socket)
}

// === impl Connection ===

impl Connection {
    pub(super) fn begin(target: &Target) -> nix::Result<Self> {
        let address = SocketAddr::new(target.address, target.port);
        let socket = socket::open(socket::family(address), SockType::Stream, None)?;
        match socket::connect(&socket, &SockaddrStorage::from(address)) {
            Ok(()) | Err(Errno::EINPROGRESS) => Ok(Self { socket, token: target.token, made: false }),
            Err(errno) => Err(errno),
        }
    }

    /// Returns the event to wait for.
    pub(super) fn awaits(&self) -> PollFlags {
        if self.made { PollFlags::POLLIN } else { PollFlags::POLLOUT }
    }

    /// Returns the ending (connect(2), `EINPROGRESS`). Called only after the awaited event.
    pub(super) fn outcome(&mut self) -> Poll<Ending> {
        if !self.made {
            match getsockopt(&self.socket, sockopt::SocketError) {
                Ok(0) => self.made = true,
                Ok(errno) => return Poll::Ready(Ending::from_the_way(Errno::from_raw(errno), Protocol::Tcp)),
                Err(errno) => return Poll::Ready(Ending::from_the_way(errno, Protocol::Tcp)),
            }
        }
        let Some(Nonce(token)) = self.token else { return Poll::Ready(Ending::of(Reach::Reached)) };
        let mut shown = [0; 16];
        match recv(self.socket.as_raw_fd(), &mut shown, MsgFlags::empty()) {
            Ok(_) if shown == token => Poll::Ready(Ending::of(Reach::Reached)),
            Err(Errno::EAGAIN | Errno::EINTR) => Poll::Pending,
            Ok(_) | Err(_) => Poll::Ready(Ending::of(Reach::Another)),
        }
    }

    /// Returns the result when time is up. A program that accepted the connection and sent nothing is not the run's own
    /// listener.
    pub(super) fn overdue(&self) -> Reach {
        if self.made { Reach::Another } else { Reach::TimedOut }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_unix_socket_is_reached_or_refused_or_does_not_exist() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let name = path.to_str().unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(local(name).reach, Reach::Reached);
        drop(listener);
        assert_eq!(local(name).reach, Reach::Refused);
        std::fs::remove_file(&path).unwrap();
        let _datagrams = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        assert_eq!(local(name).reach, Reach::Reached);
        assert_eq!(local("/no/such/socket").reach, Reach::NoSocket);
        assert_eq!(local("@podproof-no-such-socket").reach, Reach::Refused);
    }
}
