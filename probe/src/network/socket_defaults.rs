//! The defaults of the network stack, read from unconnected sockets that send nothing.

use std::os::fd::{AsFd, OwnedFd};

use libc::{SOL_SOCKET, SOL_TCP, c_int};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use proto::{Answer, Observation, SocketDefaults};

use crate::{sys, text::printable};

/// The size of the buffer for `TCP_INFO` in bytes, larger than any `struct tcp_info` of gVisor
/// (include/uapi/linux/tcp.h).
const INFO: usize = 232;
/// The longest name of a congestion control in bytes, with its NUL (`TCP_CA_NAME_MAX`, include/net/tcp.h).
const NAME: usize = 16;

pub(crate) fn observe() -> Observation<SocketDefaults> {
    match open(AddressFamily::Inet, SockType::Stream, None) {
        Ok(tcp) => Observation::Seen(look(&tcp)),
        Err(errno) => Observation::failed(errno.desc()),
    }
}

fn look(tcp: &OwnedFd) -> SocketDefaults {
    let of = |level: c_int, name: c_int| sys::socket_option(tcp.as_fd(), level, name);
    SocketDefaults {
        receive_buffer: of(SOL_SOCKET, libc::SO_RCVBUF),
        send_buffer: of(SOL_SOCKET, libc::SO_SNDBUF),
        congestion: congestion(tcp),
        window_clamp: of(SOL_TCP, libc::TCP_WINDOW_CLAMP),
        info_length: info_length(tcp),
        incoming_cpu: match of(SOL_SOCKET, libc::SO_INCOMING_CPU) {
            Answer::Value(_) => Answer::Value(0),
            errno @ Answer::Errno(_) => errno,
        },
        raw: opened(AddressFamily::Inet, SockType::Raw, Some(SockProtocol::Icmp)),
        packet: opened(AddressFamily::Packet, SockType::Raw, None),
        generic_netlink: opened(AddressFamily::Netlink, SockType::Raw, Some(SockProtocol::NetlinkGeneric)),
    }
}

fn congestion(tcp: &OwnedFd) -> String {
    let mut name = [0; NAME];
    let length = sys::socket_option_bytes(tcp.as_fd(), SOL_TCP, libc::TCP_CONGESTION, &mut name);
    let bytes = name.get(..length.unwrap_or_default()).unwrap_or_default();
    printable(String::from_utf8_lossy(bytes).trim_end_matches('\0'))
}

fn info_length(tcp: &OwnedFd) -> Answer {
    match sys::socket_option_bytes(tcp.as_fd(), SOL_TCP, libc::TCP_INFO, &mut [0; INFO]) {
        Ok(length) => Answer::Value(i64::try_from(length).unwrap_or(i64::MAX)),
        Err(errno) => errno,
    }
}

/// Returns the kernel's answer to opening such a socket, which is closed at once.
fn opened(family: AddressFamily, kind: SockType, protocol: Option<SockProtocol>) -> Answer {
    match open(family, kind, protocol) {
        Ok(_) => Answer::Value(0),
        Err(errno) => Answer::Errno((errno as i32).unsigned_abs()),
    }
}

fn open(family: AddressFamily, kind: SockType, protocol: Option<SockProtocol>) -> nix::Result<OwnedFd> {
    socket(family, kind, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, protocol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_names_its_congestion_control_and_has_generic_netlink() {
        let Observation::Seen(defaults) = observe() else { panic!("no socket") };
        assert!(!defaults.congestion.is_empty(), "{defaults:?}");
        assert_eq!(defaults.generic_netlink, Answer::Value(0));
        assert!(matches!(defaults.receive_buffer, Answer::Value(1..)), "{defaults:?}");
    }
}
