//! The run's own listener on this machine, so that silence elsewhere means something: by TCP, by UDP with an answer, and by
//! UDP without one, of which it takes note. Whoever else asks is answered alike; nothing that it hears is kept but whether
//! the run's own datagrams arrived.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use nix::{ifaddrs::getifaddrs, net::if_::InterfaceFlags, sys::socket::SockaddrStorage};
use proto::{Nonce, witness};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, UdpSocket},
    task::JoinSet,
    time::timeout,
};

/// The most addresses of each family that are tried.
const MOST: usize = 4;
/// How long it is waited for on the loopback address.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest datagram that is looked at.
const LONGEST: usize = 64;

/// A listener that ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) tcp: u16,
    pub(crate) udp: u16,
    arrived: Arc<Mutex<BTreeSet<[u8; 16]>>>,
    _answering: JoinSet<()>,
}

// === impl Witness ===

impl Listener {
    /// Listens on every address of the machine. `expected` are the marks of datagrams that need no answer.
    pub(crate) async fn listen(token: Nonce, expected: Vec<Nonce>) -> io::Result<Self> {
        let everywhere = [
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
            // A kernel without IPv6 has no other.
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        ];
        let connections = TcpListener::bind(&everywhere[..]).await?;
        let datagrams = UdpSocket::bind(&everywhere[..]).await?;
        let (tcp, udp) = (connections.local_addr()?.port(), datagrams.local_addr()?.port());
        let arrived = Arc::default();
        let mut answering = JoinSet::new();
        answering.spawn(accept(connections, token));
        answering.spawn(hear(datagrams, token, expected, Arc::clone(&arrived)));
        Ok(Self { tcp, udp, arrived, _answering: answering })
    }

    /// Whether a datagram with this mark has arrived.
    pub(crate) fn has_heard(&self, Nonce(mark): Nonce) -> bool {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).contains(&mark)
    }

    /// Returns when everything has been heard that has arrived by now: it answers in order.
    pub(crate) async fn catches_up(&self) {
        let asked = async {
            let asking = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            asking.send_to(b"?", (Ipv4Addr::LOCALHOST, self.udp)).await?;
            asking.recv(&mut [0; LONGEST]).await
        };
        // Where it does not answer, the control has found that, too.
        _ = timeout(PATIENCE, asked).await;
    }
}

async fn accept(connections: TcpListener, Nonce(token): Nonce) {
    loop {
        if let Ok((mut connection, _)) = connections.accept().await {
            // An empty socket has room for it.
            _ = connection.write_all(&token).await;
        }
    }
}

async fn hear(
    datagrams: UdpSocket,
    token: Nonce,
    expected: Vec<Nonce>,
    arrived: Arc<Mutex<BTreeSet<[u8; 16]>>>,
) {
    let mut datagram = [0; LONGEST];
    loop {
        let Ok((length, sender)) = datagrams.recv_from(&mut datagram).await else { continue };
        let heard = datagram.get(..length).unwrap_or_default();
        if let Some(mark) = witness::arrived(heard) {
            if expected.contains(&mark) {
                arrived.lock().unwrap_or_else(PoisonError::into_inner).insert(mark.0);
            }
        } else if heard.first() != Some(&witness::ANSWER) {
            _ = datagrams.send_to(&witness::answer(token), sender).await;
        }
    }
}

/// The machine's own addresses that others can reach, a few of each family.
pub(crate) fn addresses() -> Vec<IpAddr> {
    let up = |flags: InterfaceFlags| {
        flags.contains(InterfaceFlags::IFF_UP) && !flags.contains(InterfaceFlags::IFF_LOOPBACK)
    };
    let entries = getifaddrs().into_iter().flatten().filter(|entry| up(entry.flags));
    let addresses: Vec<_> = entries.filter_map(|entry| address(&entry.address?)).collect();
    let (version_4, version_6): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv4);
    version_4.into_iter().take(MOST).chain(version_6.into_iter().take(MOST)).collect()
}

/// A link-local address means nothing without its link.
fn address(storage: &SockaddrStorage) -> Option<IpAddr> {
    let version_4 = storage.as_sockaddr_in().map(nix::sys::socket::SockaddrIn::ip);
    let version_6 = storage.as_sockaddr_in6().map(nix::sys::socket::SockaddrIn6::ip);
    let version_4 = version_4.filter(|address| !address.is_link_local()).map(IpAddr::V4);
    version_4.or_else(|| version_6.filter(|address| !address.is_unicast_link_local()).map(IpAddr::V6))
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt, net::TcpStream};

    use super::*;

    const TOKEN: Nonce = Nonce([1; 16]);
    const MARKS: [Nonce; 2] = [Nonce([2; 16]), Nonce([3; 16])];

    #[tokio::test]
    async fn its_answers_carry_its_token() {
        let listener = Listener::listen(TOKEN, MARKS.to_vec()).await.unwrap();
        let mut shown = Vec::new();
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, listener.tcp)).await.unwrap();
        connection.read_to_end(&mut shown).await.unwrap();
        assert_eq!(shown, TOKEN.0);
        let asking = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        asking.send_to(b"podproof", (Ipv4Addr::LOCALHOST, listener.udp)).await.unwrap();
        let mut answer = [0; 64];
        let length = asking.recv(&mut answer).await.unwrap();
        assert_eq!(answer[..length], witness::answer(TOKEN));
    }

    #[tokio::test]
    async fn it_takes_note_of_the_runs_own_datagrams_and_of_nobody_elses() {
        let listener = Listener::listen(TOKEN, MARKS.to_vec()).await.unwrap();
        let sending = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let place = (Ipv4Addr::LOCALHOST, listener.udp);
        for mark in [MARKS[1], Nonce([9; 16])] {
            sending.send_to(&witness::one_way(mark), place).await.unwrap();
        }
        listener.catches_up().await;
        assert_eq!(MARKS.map(|mark| listener.has_heard(mark)), [false, true]);
    }
}
