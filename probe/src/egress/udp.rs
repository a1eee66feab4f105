//! A datagram under way, and its answer: a datagram, or an ICMP message as the socket's errno.

use std::{
    io::IoSliceMut,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    task::Poll,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::socket::{ControlMessageOwned, MsgFlags, RecvMsg, recv, recvmsg, send},
};
use proto::{Nonce, Protocol, Reach, Target, listener};

use super::{dns, ending::Ending, socket};

/// The number of datagrams, because any of them may be lost. One is sent at the start of each quarter of the time but the
/// last, which is left for the last answer.
const MOST: u32 = 3;
/// The number of bytes that are read of an answer: a DNS header, or a token behind its mark.
const ANSWER: usize = 17;

#[derive(Debug)]
pub(super) struct Exchange {
    socket: OwnedFd,
    target: u32,
    protocol: Protocol,
    token: Option<Nonce>,
    name: String,
    datagram: Vec<u8>,
    sent: u32,
    begun: Duration,
}

impl Exchange {
    /// Sends the first datagram; `begun` counts from the start of the attempts.
    pub(super) fn begin(target: &Target, address: SocketAddr, begun: Duration) -> nix::Result<Self> {
        let socket = socket::connected(address, target.protocol)?;
        let mut exchange = Self {
            socket,
            target: target.id,
            protocol: target.protocol,
            token: target.token,
            name: target.name.clone(),
            datagram: datagram(target),
            sent: 0,
            begun,
        };
        exchange.send()?;
        Ok(exchange)
    }

    /// Returns the time at which to send again, counted from the start of the attempts; `None` after the last datagram.
    pub(super) fn due(&self, budget: Duration) -> Option<Duration> {
        let whole = budget.saturating_sub(self.begun);
        (self.sent < MOST).then(|| self.begun + whole * self.sent / (MOST + 1))
    }

    pub(super) fn send(&mut self) -> nix::Result<()> {
        self.sent += 1;
        match send(self.socket.as_raw_fd(), &self.datagram, MsgFlags::empty()) {
            // A datagram for which the kernel has no room counts as lost.
            Ok(_) | Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    pub(super) fn outcome(&self) -> Poll<Ending> {
        // The kernel discards the rest of a longer datagram unread.
        let mut answer = [0; ANSWER];
        match recv(self.socket.as_raw_fd(), &mut answer, MsgFlags::empty()) {
            Ok(length) => Poll::Ready(Ending::of(self.told(answer.get(..length).unwrap_or_default()))),
            Err(Errno::EAGAIN | Errno::EINTR) => Poll::Pending,
            Err(errno) => Poll::Ready(self.objection(errno)),
        }
    }

    /// Returns the ending by an ICMP message: from the socket's errno, and from the message itself if the kernel keeps it.
    pub(super) fn objection(&self, errno: Errno) -> Ending {
        let ending = Ending::from_the_way(errno, self.protocol);
        if is_prohibition(&self.socket) { Ending { reach: Reach::Prohibited, ..ending } } else { ending }
    }

    /// Returns the result when time is up.
    pub(super) fn overdue(&self) -> Reach {
        if self.protocol == Protocol::OneWay { Reach::Sent } else { Reach::TimedOut }
    }

    fn told(&self, answer: &[u8]) -> Reach {
        match (self.protocol, self.token) {
            (Protocol::Dns | Protocol::Resolver, _) => dns::answer(self.target, &self.name, answer),
            (Protocol::Udp | Protocol::Heard, Some(token)) if answer != listener::answer(token) => {
                Reach::Another
            }
            _ => Reach::Reached,
        }
    }
}

impl AsFd for Exchange {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Returns true if the socket's error queue holds an ICMP "administratively prohibited". Its errno is the same as that of
/// "host unreachable" (`net/ipv4/icmp.c`, `icmp_err_convert`); the error queue has the code (ip(7), `IP_RECVERR`; RFC 1812,
/// section 5.2.7.1).
fn is_prohibition(socket: &OwnedFd) -> bool {
    const DESTINATION_UNREACHABLE: u8 = 3;
    const PROHIBITED: [u8; 3] = [9, 10, 13];
    let mut datagram = [0; 1];
    let mut datagram = [IoSliceMut::new(&mut datagram)];
    let mut messages = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in);
    let read = recvmsg::<()>(socket.as_raw_fd(), &mut datagram, Some(&mut messages), MsgFlags::MSG_ERRQUEUE);
    let Ok(mut messages) = read.as_ref().map_err(|&errno| errno).and_then(RecvMsg::cmsgs) else {
        return false;
    };
    messages.any(|message| match message {
        ControlMessageOwned::Ipv4RecvErr(error, _) => {
            error.ee_type == DESTINATION_UNREACHABLE && PROHIBITED.contains(&error.ee_code)
        }
        _ => false,
    })
}

fn datagram(target: &Target) -> Vec<u8> {
    match (target.protocol, target.token) {
        (Protocol::Dns | Protocol::Resolver, _) => dns::query(target.id, &target.name),
        (Protocol::OneWay, Some(token)) => listener::one_way(token).to_vec(),
        (Protocol::Heard, Some(token)) => listener::question(token).to_vec(),
        // The kernel fills in the checksum and the identifier (icmp(7)).
        (Protocol::Echo, _) if target.address.is_ipv4() => vec![8, 0, 0, 0, 0, 0, 0, 1],
        (Protocol::Echo, _) => vec![128, 0, 0, 0, 0, 0, 0, 1],
        _ => b"podproof".to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    fn silent() -> (UdpSocket, SocketAddr) {
        let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = silent.local_addr().unwrap();
        (silent, address)
    }

    #[test]
    fn a_datagram_is_sent_again_at_a_quarter_and_at_half_of_the_time() {
        let (silent, address) = silent();
        for (begun, expected) in [(0, [1, 2]), (4, [4, 4])] {
            let target = Target::at(1, address.ip(), address.port(), Protocol::Udp);
            let mut exchange = Exchange::begin(&target, address, Duration::from_secs(begun)).unwrap();
            let mut dues = Vec::new();
            while let Some(due) = exchange.due(Duration::from_secs(4)) {
                dues.push(due.as_secs());
                exchange.send().unwrap();
            }
            assert_eq!(dues, expected);
        }
        silent.set_nonblocking(true).unwrap();
        assert_eq!(std::iter::from_fn(|| silent.recv(&mut [0; 64]).ok()).count(), 6);
    }

    #[test]
    fn a_datagram_sent_one_way_carries_the_token_and_ends_as_sent() {
        let (silent, address) = silent();
        let token = Nonce([7; 16]);
        let target = Target::at(1, address.ip(), address.port(), Protocol::OneWay);
        let target = Target { token: Some(token), ..target };
        let exchange = Exchange::begin(&target, address, Duration::ZERO).unwrap();
        let mut arrived = [0; 64];
        let length = silent.recv(&mut arrived).unwrap();
        assert_eq!(listener::arrived(&arrived[..length]), Some(token));
        assert_eq!(exchange.overdue(), Reach::Sent);
    }
}
