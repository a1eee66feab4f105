//! How an attempt ended. The same errno says one thing at once, from the own kernel, and another when it comes from the way.

use nix::errno::Errno;
use proto::{Protocol, Reach};

/// The kind, and the errno behind it; 0 where there is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ending {
    pub(super) reach: Reach,
    pub(super) errno: u32,
}

// === impl Ending ===

impl Ending {
    /// An ending that no errno is behind.
    pub(super) const fn of(reach: Reach) -> Self {
        Self { reach, errno: 0 }
    }

    /// The call that began the attempt failed.
    pub(super) fn at_once(errno: Errno, protocol: Protocol) -> Self {
        let reach = match errno {
            Errno::ENETUNREACH => Reach::NoRoute,
            Errno::ENOENT | Errno::ENOTDIR => Reach::NoSocket,
            Errno::EACCES => Reach::NotPermitted,
            errno => kind(errno, protocol),
        };
        Self { reach, errno: number(errno) }
    }

    /// It had begun, and something answered.
    pub(super) fn from_the_way(errno: Errno, protocol: Protocol) -> Self {
        Self { reach: kind(errno, protocol), errno: number(errno) }
    }
}

fn kind(errno: Errno, protocol: Protocol) -> Reach {
    let connects = matches!(protocol, Protocol::Tcp | Protocol::Socket);
    match errno {
        Errno::ECONNREFUSED if connects => Reach::Refused,
        Errno::ECONNREFUSED => Reach::PortUnreachable,
        Errno::ECONNRESET => Reach::Reset,
        Errno::ETIMEDOUT => Reach::TimedOut,
        Errno::ENETUNREACH => Reach::NetworkUnreachable,
        Errno::EHOSTUNREACH => Reach::HostUnreachable,
        // ICMPv6 "administratively prohibited" and its kin (net/ipv6/icmp.c, `tab_unreach`).
        Errno::EACCES => Reach::Prohibited,
        Errno::EPERM => Reach::NotPermitted,
        Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL => Reach::NoAddressFamily,
        _ => Reach::Failed,
    }
}

fn number(errno: Errno) -> u32 {
    (errno as i32).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_says_one_thing_at_once_and_another_from_the_way() {
        for (errno, at_once, from_the_way) in [
            (Errno::ENETUNREACH, Reach::NoRoute, Reach::NetworkUnreachable),
            (Errno::EACCES, Reach::NotPermitted, Reach::Prohibited),
            (Errno::EHOSTUNREACH, Reach::HostUnreachable, Reach::HostUnreachable),
        ] {
            assert_eq!(Ending::at_once(errno, Protocol::Tcp).reach, at_once, "{errno}");
            assert_eq!(Ending::from_the_way(errno, Protocol::Tcp).reach, from_the_way, "{errno}");
        }
    }

    #[test]
    fn a_connection_is_refused_and_a_datagrams_port_unreachable() {
        for (protocol, reach) in [
            (Protocol::Tcp, Reach::Refused),
            (Protocol::Socket, Reach::Refused),
            (Protocol::Udp, Reach::PortUnreachable),
            (Protocol::Dns, Reach::PortUnreachable),
        ] {
            assert_eq!(Ending::from_the_way(Errno::ECONNREFUSED, protocol).reach, reach, "{protocol:?}");
        }
    }
}
