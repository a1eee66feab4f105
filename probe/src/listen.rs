//! `probe listen`: the listener, which answers every sender, so that silence elsewhere is evidence. The listener accepts a
//! connection, sends the run's token and closes the connection. It returns a datagram to its sender, behind a mark and the
//! token. It keeps only the tokens of datagrams that were sent one way, and a bounded number of them: a flood costs time,
//! and memory stays bounded.
//!
//! The listener needs its own port, by TCP and by UDP. Further ports are tried, and a port that cannot be bound is said: the
//! kernel may keep ports below 1024 for root, and nobody then answers on them.

mod ports;

use std::{
    collections::BTreeSet,
    io::{self, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    num::NonZeroU32,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket,
        sockopt,
    },
};

pub(crate) use ports::Ports;
use proto::{
    Nonce,
    listener::{self, Port},
};

use crate::lifetime::{self, Lifetime};

/// The longest datagram that goes back whole, in bytes.
const LONGEST: usize = 512;

/// The largest number of tokens that are kept. If more arrive, somebody else sends them, and the listener answers no further
/// question.
const MOST_MARKS: usize = 1024;

/// The listener's sockets and its state; no operation blocks.
#[derive(Debug)]
pub(crate) struct Listener {
    connections: Vec<TcpListener>,
    datagrams: Vec<UdpSocket>,
    answers: Answers,
}

/// The answers of a listener, which are the same on each of its ports.
#[derive(Debug)]
struct Answers {
    /// The token that identifies the listener's answers; `None` if the listener has none.
    token: Option<Nonce>,
    /// The tokens that have arrived one way.
    arrived: BTreeSet<[u8; 16]>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to listen on the TCP port")]
    Tcp(#[source] Errno),
    #[error("failed to listen on the UDP port")]
    Udp(#[source] Errno),
    #[error(transparent)]
    Lifetime(#[from] lifetime::Error),
}

pub(crate) fn run(
    Ports { own, further }: &Ports,
    seconds: NonZeroU32,
    token: Option<Nonce>,
) -> Result<(), Error> {
    let lifetime = Lifetime::begin(seconds)?;
    let mut listener = Listener::new(token);
    listener.add(Port::Tcp(*own))?;
    listener.add(Port::Udp(*own))?;
    // The listener also answers if standard output is closed.
    _ = writeln!(io::stdout(), "probe: answering on port {own} for {seconds} s");
    listener.add_possible(further);
    while lifetime.goes_on(&listener.descriptors())? {
        listener.answer();
    }
    Ok(())
}

fn chain(error: &Error) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    [error.to_string()].into_iter().chain(source).collect::<Vec<_>>().join(": ")
}

// === impl Listener ===

impl Listener {
    /// Returns a listener without a port.
    pub(crate) const fn new(token: Option<Nonce>) -> Self {
        let answers = Answers { token, arrived: BTreeSet::new() };
        Self { connections: Vec::new(), datagrams: Vec::new(), answers }
    }

    /// Adds the ports that can be bound, and says which cannot.
    pub(crate) fn add_possible(&mut self, ports: &[Port]) {
        for &port in ports {
            if let Err(error) = self.add(port) {
                _ = writeln!(io::stdout(), "probe: not answering on port {port}: {}", chain(&error));
            }
        }
    }

    fn add(&mut self, port: Port) -> Result<(), Error> {
        match port {
            Port::Tcp(port) => self.connections.push(accepting(port.get())?),
            Port::Udp(port) => self.datagrams.push(receiving(port.get())?),
        }
        Ok(())
    }

    /// Returns the sockets to wait for.
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let connections = self.connections.iter().map(AsFd::as_fd);
        connections.chain(self.datagrams.iter().map(AsFd::as_fd)).collect()
    }

    /// Answers at most one connection and one datagram of each port, so that no flood delays another port or a signal for
    /// long. Ignores errors: a sender without an answer tries again.
    pub(crate) fn answer(&mut self) {
        for connections in &self.connections {
            drop(self.answers.accept(connections));
        }
        for datagrams in &self.datagrams {
            drop(self.answers.echo(datagrams));
        }
    }
}

// === impl Answers ===

impl Answers {
    fn accept(&self, connections: &TcpListener) -> io::Result<()> {
        let (mut connection, _) = connections.accept()?;
        let Some(Nonce(token)) = self.token else { return Ok(()) };
        // A new connection's send buffer is empty, so the write does not block.
        connection.set_nonblocking(true)?;
        connection.write_all(&token)
    }

    fn echo(&mut self, datagrams: &UdpSocket) -> io::Result<()> {
        let mut datagram = [0; LONGEST];
        let (length, sender) = datagrams.recv_from(&mut datagram)?;
        let question = datagram.get(..length).unwrap_or_default();
        if let Some(answer) = self.to(question) {
            datagrams.send_to(&answer, sender)?;
        }
        Ok(())
    }

    fn to(&mut self, question: &[u8]) -> Option<Vec<u8>> {
        if let Some(Nonce(mark)) = listener::arrived(question) {
            if self.arrived.len() < MOST_MARKS {
                self.arrived.insert(mark);
            }
            return None;
        }
        if let (Some(mark), Some(own)) = (listener::asked(question), self.token) {
            let told = if self.arrived.contains(&mark.0) { mark } else { own };
            return (self.arrived.len() < MOST_MARKS).then(|| listener::answer(told).to_vec());
        }
        match (question.first(), self.token) {
            (Some(&(listener::ANSWER | listener::ONE_WAY)), _) => None,
            (_, Some(token)) => Some([&listener::answer(token)[..], question].concat()),
            (_, None) => Some([&[listener::ANSWER], question].concat()),
        }
    }
}

fn accepting(port: u16) -> Result<TcpListener, Error> {
    let connections = bound(SockType::Stream, port).map_err(Error::Tcp)?;
    listen(&connections, Backlog::MAXCONN).map_err(Error::Tcp)?;
    Ok(connections.into())
}

fn receiving(port: u16) -> Result<UdpSocket, Error> {
    Ok(bound(SockType::Datagram, port).map_err(Error::Udp)?.into())
}

/// Returns a bound socket for both address families, or for IPv4 alone if the kernel has no IPv6.
fn bound(kind: SockType, port: u16) -> nix::Result<OwnedFd> {
    let both = || {
        let socket = unbound(AddressFamily::Inet6, kind)?;
        setsockopt(&socket, sockopt::Ipv6V6Only, &false)?;
        bind_to(socket, SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
    };
    match both() {
        Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL) => {
            let socket = unbound(AddressFamily::Inet, kind)?;
            bind_to(socket, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
        }
        bound => bound,
    }
}

fn unbound(family: AddressFamily, kind: SockType) -> nix::Result<OwnedFd> {
    let socket = socket(family, kind, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None)?;
    if kind == SockType::Stream {
        // A restarted listener finds connections of its predecessor on the port.
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    }
    Ok(socket)
}

fn bind_to(socket: OwnedFd, address: SocketAddr) -> nix::Result<OwnedFd> {
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(socket)
}

#[cfg(test)]
mod tests;
