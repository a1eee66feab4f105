//! A listener on a host, by TCP or by UDP.

use std::{
    io::Write,
    net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Host;

/// Interval at which a service checks if it is still wanted.
const PULSE: Duration = Duration::from_millis(50);

/// A service's answer by UDP.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// The request, sent back.
    Echo,
    /// One address, for a DNS query of any name.
    Resolved,
    /// This code for a DNS query (RFC 1035, section 4.1.1), and no address.
    Code(u8),
}

/// A listener, until it is dropped.
#[derive(Debug)]
pub enum Service {
    /// The kernel makes connections, and no program accepts them.
    Tcp(TcpListener),
    /// A thread that answers.
    Answering(Arc<AtomicBool>, Option<JoinHandle<()>>),
}

impl Service {
    /// Listens by TCP, over both address families.
    pub fn tcp(host: &Host, port: u16) -> Self {
        Self::Tcp(host.within(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).unwrap()))
    }

    /// Answers by UDP, from one address.
    pub fn udp(host: &Host, address: SocketAddr, answer: Answer) -> Self {
        let socket = host.within(|| UdpSocket::bind(address).unwrap());
        socket.set_read_timeout(Some(PULSE)).unwrap();
        let mut datagram = [0; 512];
        Self::answering(move || {
            if let Ok((length, sender)) = socket.recv_from(&mut datagram) {
                // A client without an answer asks again.
                _ = socket.send_to(&answer.to(&datagram[..length]), sender);
            }
        })
    }

    /// Sends this text to every TCP client, as the answer to an HTTP request that need not be made.
    pub fn http(host: &Host, port: u16, text: &'static str) -> Self {
        let listener = host.within(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).unwrap());
        listener.set_nonblocking(true).unwrap();
        Self::answering(move || {
            if let Some(mut connection) = connected(&listener) {
                // A client that has left does not hear the answer.
                _ = write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            }
        })
    }

    /// Repeats a function until the service is dropped.
    fn answering(mut act: impl FnMut() + Send + 'static) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        let answering = thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                act();
            }
        });
        Self::Answering(ended, Some(answering))
    }

    /// Waits until a client has connected. Returns `false` if the caller stopped waiting first.
    pub fn taken(&self, wanted: &AtomicBool) -> bool {
        let Self::Tcp(listener) = self else { return false };
        listener.set_nonblocking(true).unwrap();
        while wanted.load(Ordering::Relaxed) {
            if connected(listener).is_some() {
                return true;
            }
        }
        false
    }
}

/// Returns a client that connected within one interval, to a listener that does not block.
fn connected(listener: &TcpListener) -> Option<TcpStream> {
    let mut descriptors = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    poll(&mut descriptors, PollTimeout::try_from(PULSE).unwrap()).unwrap();
    listener.accept().ok().map(|(connection, _)| connection)
}

impl Answer {
    fn to(self, datagram: &[u8]) -> Vec<u8> {
        let mut answer = datagram.to_vec();
        let (code, address) = match self {
            Self::Echo => return answer,
            Self::Resolved => (0, true),
            Self::Code(code) => (code, false),
        };
        if answer.len() < 12 {
            return Vec::new();
        }
        answer[2] |= 0x80;
        answer[3] = 0x80 | code;
        answer[7] = u8::from(address);
        if address {
            // The name of the question, type A, class IN, one minute, four bytes.
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 51, 100, 10]);
        }
        answer
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Self::Answering(ended, answering) = self {
            ended.store(true, Ordering::Relaxed);
            _ = answering.take().map(JoinHandle::join);
        }
    }
}
