//! The socket of an attempt, which never blocks.

use std::{
    net::SocketAddr,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::sys::socket::{
    self, AddressFamily, SockFlag, SockProtocol, SockType, SockaddrLike, SockaddrStorage,
};
use proto::Protocol;

pub(super) fn family(address: SocketAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

pub(super) fn open(
    family: AddressFamily,
    kind: SockType,
    protocol: Option<SockProtocol>,
) -> nix::Result<OwnedFd> {
    socket::socket(family, kind, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, protocol)
}

pub(super) fn connect(socket: &OwnedFd, address: &dyn SockaddrLike) -> nix::Result<()> {
    socket::connect(socket.as_raw_fd(), address)
}

/// Returns the kernel's own ICMP protocol, which allows an unprivileged socket only echoes (icmp(7), `ping_group_range`).
pub(super) fn icmp(address: SocketAddr) -> SockProtocol {
    if address.is_ipv4() { SockProtocol::Icmp } else { SockProtocol::IcmpV6 }
}

/// Returns a datagram socket that is connected to an address.
pub(super) fn connected(address: SocketAddr, protocol: Protocol) -> nix::Result<OwnedFd> {
    let icmp = (protocol == Protocol::Echo).then(|| icmp(address));
    let socket = open(family(address), SockType::Datagram, icmp)?;
    // Without this option, Linux drops ICMP messages that it regards as transient errors, such as "host unreachable"
    // (ip(7)). A kernel that lacks the option still reports the other messages.
    _ = if address.is_ipv4() {
        socket::setsockopt(&socket, socket::sockopt::Ipv4RecvErr, &true)
    } else {
        socket::setsockopt(&socket, socket::sockopt::Ipv6RecvErr, &true)
    };
    connect(&socket, &SockaddrStorage::from(address))?;
    Ok(socket)
}
