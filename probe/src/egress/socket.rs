//! The socket of an attempt, which never blocks.

use std::{
    net::SocketAddr,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrStorage};
use proto::Target;

pub(super) fn open(target: &Target, kind: SockType) -> nix::Result<OwnedFd> {
    let family = if target.address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    socket::socket(family, kind, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None)
}

pub(super) fn connect(socket: &OwnedFd, target: &Target) -> nix::Result<()> {
    let address = SockaddrStorage::from(SocketAddr::new(target.address, target.port));
    socket::connect(socket.as_raw_fd(), &address)
}
