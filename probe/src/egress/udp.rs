//! A datagram on its way, and what comes back: a datagram, or an ICMP message as the socket's errno.

use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    task::Poll,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, SockType, recv, send, setsockopt, sockopt},
};
use proto::{Protocol, Target};

use super::{dns, socket};

/// Datagrams may be lost: so many are sent, one each quarter of the budget, and the rest of it is for the last answer.
const MOST: u32 = 3;

#[derive(Debug)]
pub(super) struct Exchange {
    socket: OwnedFd,
    datagram: Vec<u8>,
    sent: u32,
}

impl Exchange {
    pub(super) fn begin(target: &Target) -> nix::Result<Self> {
        let socket = socket::open(target, SockType::Datagram)?;
        // Without this, Linux drops the ICMP messages that it takes for passing troubles, such as "host unreachable"
        // (ip(7)). A kernel that lacks it has the others.
        _ = if target.address.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)
        };
        socket::connect(&socket, target)?;
        let datagram = match target.protocol {
            Protocol::Dns => dns::query(target.id),
            Protocol::Tcp | Protocol::Udp => b"podproof".to_vec(),
        };
        let mut exchange = Self { socket, datagram, sent: 0 };
        exchange.send()?;
        Ok(exchange)
    }

    /// When to send again, counted from the start of the attempts.
    pub(super) fn due(&self, budget: Duration) -> Option<Duration> {
        (self.sent < MOST).then(|| budget * self.sent / (MOST + 1))
    }

    pub(super) fn send(&mut self) -> nix::Result<()> {
        self.sent += 1;
        match send(self.socket.as_raw_fd(), &self.datagram, MsgFlags::empty()) {
            // No room for it is as good as lost on the way.
            Ok(_) | Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    pub(super) fn outcome(&self) -> Poll<nix::Result<()>> {
        // One byte is room enough: the rest of a datagram is discarded, and nobody looks at it.
        match recv(self.socket.as_raw_fd(), &mut [0], MsgFlags::empty()) {
            Ok(_) => Poll::Ready(Ok(())),
            Err(Errno::EAGAIN | Errno::EINTR) => Poll::Pending,
            Err(errno) => Poll::Ready(Err(errno)),
        }
    }
}

impl AsFd for Exchange {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    #[test]
    fn a_datagram_is_sent_again_at_a_quarter_and_at_half_of_the_budget() {
        let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = silent.local_addr().unwrap();
        let target = Target { id: 1, address: address.ip(), port: address.port(), protocol: Protocol::Udp };
        let mut exchange = Exchange::begin(&target).unwrap();
        let mut dues = Vec::new();
        while let Some(due) = exchange.due(Duration::from_secs(4)) {
            dues.push(due.as_secs());
            exchange.send().unwrap();
        }
        assert_eq!(dues, [1, 2]);
        silent.set_nonblocking(true).unwrap();
        assert_eq!(std::iter::from_fn(|| silent.recv(&mut [0; 64]).ok()).count(), 3);
    }
}
