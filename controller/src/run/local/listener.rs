//! The run's own listener on this machine, which gives silence elsewhere a meaning. It accepts TCP, answers UDP, and
//! notes one-way datagrams. It answers every sender alike, and keeps only whether the run's own datagrams arrived.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use nix::{ifaddrs::getifaddrs, net::if_::InterfaceFlags, sys::socket::SockaddrStorage};
use proto::{Nonce, listener};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, UdpSocket},
    task::JoinSet,
    time::timeout,
};

/// The most addresses of each family to try.
const MOST: usize = 4;
/// The longest wait for the listener on the loopback address.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest datagram to read, in bytes.
const LONGEST: usize = 64;

/// A listener that stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) tcp: u16,
    pub(crate) udp: u16,
    arrived: Arc<Mutex<BTreeSet<[u8; 16]>>>,
    _answering: JoinSet<()>,
}

// === impl Listener ===

impl Listener {
    /// Listens on every address of the machine. `expected` are the marks of one-way datagrams.
    pub(crate) async fn listen(token: Nonce, expected: Vec<Nonce>) -> io::Result<Self> {
        let everywhere = [
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
            // A kernel without IPv6 has only this address.
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

    /// Returns true if a datagram with this mark has arrived.
    pub(crate) fn has_heard(&self, Nonce(mark): Nonce) -> bool {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).contains(&mark)
    }

    /// Waits until every datagram that has arrived by now is noted: datagrams are answered in order.
    pub(crate) async fn catches_up(&self) {
        let asked = async {
            let asking = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            asking.send_to(b"?", (Ipv4Addr::LOCALHOST, self.udp)).await?;
            asking.recv(&mut [0; LONGEST]).await
        };
        // If the listener does not answer, the control's own attempts show that, too.
        _ = timeout(PATIENCE, asked).await;
    }
}

async fn accept(connections: TcpListener, Nonce(token): Nonce) {
    loop {
        if let Ok((mut connection, _)) = connections.accept().await {
            // The buffer of a fresh socket has room for the token.
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
        if let Some(mark) = listener::arrived(heard) {
            if expected.contains(&mark) {
                arrived.lock().unwrap_or_else(PoisonError::into_inner).insert(mark.0);
            }
        } else if heard.first() != Some(&listener::ANSWER) {
            _ = datagrams.send_to(&listener::answer(token), sender).await;
        }
    }
}

/// Returns the machine's own addresses that others can reach, a few of each family.
pub(crate) fn addresses() -> Vec<IpAddr> {
    let up = |flags: InterfaceFlags| {
        flags.contains(InterfaceFlags::IFF_UP) && !flags.contains(InterfaceFlags::IFF_LOOPBACK)
    };
    let entries = getifaddrs().into_iter().flatten().filter(|entry| up(entry.flags));
    let addresses: Vec<_> = entries.filter_map(|entry| address(&entry.address?)).collect();
    let (version_4, version_6): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv4);
    version_4.into_iter().take(MOST).chain(version_6.into_iter().take(MOST)).collect()
}

/// Returns the address; `None` for a link-local address, which means nothing without its link.
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
    async fn every_answer_carries_the_token() {
        let listener = Listener::listen(TOKEN, MARKS.to_vec()).await.unwrap();
        let mut shown = Vec::new();
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, listener.tcp)).await.unwrap();
        connection.read_to_end(&mut shown).await.unwrap();
        assert_eq!(shown, TOKEN.0);
        let asking = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        asking.send_to(b"podproof", (Ipv4Addr::LOCALHOST, listener.udp)).await.unwrap();
        let mut answer = [0; 64];
        let length = asking.recv(&mut answer).await.unwrap();
        assert_eq!(answer[..length], listener::answer(TOKEN));
    }

    #[tokio::test]
    async fn only_the_runs_own_datagrams_are_noted() {
        let listener = Listener::listen(TOKEN, MARKS.to_vec()).await.unwrap();
        let sending = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let place = (Ipv4Addr::LOCALHOST, listener.udp);
        for mark in [MARKS[1], Nonce([9; 16])] {
            sending.send_to(&listener::one_way(mark), place).await.unwrap();
        }
        listener.catches_up().await;
        assert_eq!(MARKS.map(|mark| listener.has_heard(mark)), [false, true]);
    }
}
