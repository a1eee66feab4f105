//! `probe listen`: the listener, which answers every sender, so that silence elsewhere is evidence. The listener accepts a
//! connection, sends the run's token and closes the connection. It returns a datagram to its sender, behind a mark and the
//! token. It keeps only the tokens of datagrams that were sent one way, and a bounded number of them: a flood costs time,
//! and memory stays bounded.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    num::{NonZeroU16, NonZeroU32},
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket,
        sockopt,
    },
};

use proto::{Nonce, listener};

use crate::lifetime::{self, Lifetime};

/// The longest datagram that goes back whole, in bytes.
const LONGEST: usize = 512;

/// The largest number of tokens that are kept. If more arrive, somebody else sends them, and the listener answers no further
/// question.
const MOST_MARKS: usize = 1024;

/// The listener's sockets and state; no operation blocks.
#[derive(Debug)]
struct Listener {
    connections: TcpListener,
    datagrams: UdpSocket,
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

pub(crate) fn run(port: NonZeroU16, seconds: NonZeroU32, token: Option<Nonce>) -> Result<(), Error> {
    let lifetime = Lifetime::begin(seconds)?;
    let mut listener = Listener::bind(port.get(), token)?;
    // The listener also answers if standard output is closed.
    _ = writeln!(io::stdout(), "probe: answering on port {port} for {seconds} s");
    while lifetime.goes_on(&[listener.connections.as_fd(), listener.datagrams.as_fd()])? {
        listener.answer();
    }
    Ok(())
}

// === impl Listener ===

impl Listener {
    fn bind(port: u16, token: Option<Nonce>) -> Result<Self, Error> {
        let connections = bound(SockType::Stream, port).map_err(Error::Tcp)?;
        listen(&connections, Backlog::MAXCONN).map_err(Error::Tcp)?;
        let datagrams = bound(SockType::Datagram, port).map_err(Error::Udp)?;
        Ok(Self {
            connections: connections.into(),
            datagrams: datagrams.into(),
            token,
            arrived: BTreeSet::new(),
        })
    }

    /// Answers at most one connection and one datagram, so that neither kind of flood delays the other kind or a signal for
    /// long. Ignores errors: a sender without an answer tries again.
    fn answer(&mut self) {
        drop(self.accept());
        drop(self.echo());
    }

    fn accept(&self) -> io::Result<()> {
        let (mut connection, _) = self.connections.accept()?;
        let Some(Nonce(token)) = self.token else { return Ok(()) };
        // A new connection's send buffer is empty, so the write does not block.
        connection.set_nonblocking(true)?;
        connection.write_all(&token)
    }

    fn echo(&mut self) -> io::Result<()> {
        let mut datagram = [0; LONGEST];
        let (length, sender) = self.datagrams.recv_from(&mut datagram)?;
        let question = datagram.get(..length).unwrap_or_default();
        if let Some(answer) = self.answer_to(question) {
            self.datagrams.send_to(&answer, sender)?;
        }
        Ok(())
    }

    fn answer_to(&mut self, question: &[u8]) -> Option<Vec<u8>> {
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
mod tests {
    use std::{io::Read, net::TcpStream, time::Duration};

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    /// A time far longer than any operation on loopback takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn listener() -> (Listener, u16, u16) {
        let listener = Listener::bind(0, None).unwrap();
        let tcp = listener.connections.local_addr().unwrap().port();
        let udp = listener.datagrams.local_addr().unwrap().port();
        (listener, tcp, udp)
    }

    fn asking() -> UdpSocket {
        let asking = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        asking.set_read_timeout(Some(PATIENCE)).unwrap();
        asking
    }

    /// Waits for a connection or a datagram and answers it.
    fn answer(listener: &mut Listener) {
        let descriptors = [listener.connections.as_fd(), listener.datagrams.as_fd()];
        let mut descriptors = descriptors.map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN));
        assert_eq!(poll(&mut descriptors, PollTimeout::try_from(PATIENCE).unwrap()), Ok(1));
        listener.answer();
    }

    #[test]
    fn without_a_token_a_connection_is_accepted_and_closed_in_silence() {
        let (mut listener, tcp, _) = listener();
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, tcp)).unwrap();
        answer(&mut listener);
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(connection.read(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn a_datagram_comes_back_cut_to_the_longest_length() {
        let (mut listener, _, udp) = listener();
        let asking = asking();
        for (length, back) in [(0, 0), (8, 8), (LONGEST, LONGEST), (LONGEST + 1, LONGEST)] {
            let sent: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
            asking.send_to(&sent, (Ipv4Addr::LOCALHOST, udp)).unwrap();
            answer(&mut listener);
            let mut received = [0; 2 * LONGEST];
            assert_eq!(asking.recv(&mut received).unwrap(), 1 + back);
            assert_eq!((received[0], &received[1..=back]), (listener::ANSWER, &sent[..back]));
        }
    }

    #[test]
    fn the_listeners_token_is_in_each_answer() {
        let token = Nonce([7; 16]);
        let mut listener = Listener::bind(0, Some(token)).unwrap();
        let tcp = listener.connections.local_addr().unwrap().port();
        let udp = listener.datagrams.local_addr().unwrap().port();
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, tcp)).unwrap();
        answer(&mut listener);
        let mut shown = Vec::new();
        connection.read_to_end(&mut shown).unwrap();
        assert_eq!(shown, token.0);
        let asking = asking();
        asking.send_to(b"?", (Ipv4Addr::LOCALHOST, udp)).unwrap();
        answer(&mut listener);
        let mut received = [0; 64];
        let length = asking.recv(&mut received).unwrap();
        assert_eq!(received[..length], [&listener::answer(token)[..], b"?"].concat());
    }

    #[test]
    fn a_datagram_sent_one_way_is_not_answered() {
        let (mut listener, _, udp) = listener();
        let asking = asking();
        asking.send_to(&listener::one_way(Nonce([7; 16])), (Ipv4Addr::LOCALHOST, udp)).unwrap();
        answer(&mut listener);
        asking.set_nonblocking(true).unwrap();
        assert_eq!(asking.recv(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_question_is_answered_until_too_many_tokens_have_arrived() {
        let (own, mark) = (Nonce([7; 16]), Nonce([8; 16]));
        let mut listener = Listener::bind(0, Some(own)).unwrap();
        let mut told = |datagram: [u8; 17]| listener.answer_to(&datagram);
        assert_eq!(told(listener::question(mark)), Some(listener::answer(own).to_vec()));
        assert_eq!(told(listener::one_way(mark)), None);
        assert_eq!(told(listener::question(mark)), Some(listener::answer(mark).to_vec()));
        for number in 0..MOST_MARKS {
            told(listener::one_way(Nonce((number as u128).to_be_bytes())));
        }
        assert_eq!(told(listener::question(mark)), None);
    }

    #[test]
    fn an_answer_is_not_answered_so_that_two_listeners_never_answer_each_other() {
        let (mut listener, _, udp) = listener();
        let asking = asking();
        asking.send_to(&[listener::ANSWER, 1], (Ipv4Addr::LOCALHOST, udp)).unwrap();
        answer(&mut listener);
        asking.send_to(&[2], (Ipv4Addr::LOCALHOST, udp)).unwrap();
        answer(&mut listener);
        let mut received = [0; 8];
        assert_eq!(asking.recv(&mut received).unwrap(), 2);
        assert_eq!(received[..2], [listener::ANSWER, 2]);
    }

    #[test]
    fn without_a_sender_the_listener_does_not_block() {
        let (mut listener, _, _) = listener();
        listener.answer();
    }

    #[test]
    fn a_port_that_is_taken_by_tcp_or_udp_is_an_error() {
        let (listener, tcp, udp) = listener();
        assert!(matches!(Listener::bind(tcp, None), Err(Error::Tcp(Errno::EADDRINUSE))));
        drop(listener.connections);
        let taken = bound(SockType::Datagram, udp).unwrap_err();
        assert_eq!(taken, Errno::EADDRINUSE);
    }
}
