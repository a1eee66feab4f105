//! The ending of an attempt. An errno means one thing at once, from the sandbox's own kernel, and another when it comes from
//! the network path.

use std::net::IpAddr;

use nix::errno::Errno;
use proto::{Protocol, Reach};

/// The kind of the ending, and the errno behind it; 0 if none is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ending {
    pub(super) reach: Reach,
    pub(super) errno: u32,
}

// === impl Ending ===

impl Ending {
    /// Returns an ending without an errno.
    pub(super) const fn of(reach: Reach) -> Self {
        Self { reach, errno: 0 }
    }

    /// Returns the ending of an attempt on an address whose first call failed. A route that swallows packets gives EINVAL
    /// (`fib_props` in `net/ipv4/fib_semantics.c`), and so does a link-local address without its link (`__ip6_datagram_connect`
    /// in net/ipv6/datagram.c), which no attempt can reach.
    pub(super) fn at_once_on(address: IpAddr, errno: Errno, protocol: Protocol) -> Self {
        match errno {
            Errno::EINVAL if !needs_its_link(address) => Self { reach: Reach::NoRoute, errno: number(errno) },
            errno => Self::at_once(errno, protocol),
        }
    }

    /// Returns the ending of an attempt whose first call failed.
    pub(super) fn at_once(errno: Errno, protocol: Protocol) -> Self {
        let reach = match errno {
            Errno::ENETUNREACH => Reach::NoRoute,
            Errno::ENOENT | Errno::ENOTDIR => Reach::NoSocket,
            Errno::EACCES => Reach::NotPermitted,
            errno => kind(errno, protocol),
        };
        Self { reach, errno: number(errno) }
    }

    /// Returns the ending of an attempt that had begun when an error came back.
    pub(super) fn from_the_way(errno: Errno, protocol: Protocol) -> Self {
        Self { reach: kind(errno, protocol), errno: number(errno) }
    }
}

fn kind(errno: Errno, protocol: Protocol) -> Reach {
    let connects = matches!(protocol, Protocol::Tcp | Protocol::Socket);
    match errno {
        // ICMP "protocol unreachable" is ENOPROTOOPT: the target host answered that it does not know the protocol.
        Errno::ECONNREFUSED | Errno::ENOPROTOOPT if connects => Reach::Refused,
        Errno::ECONNREFUSED | Errno::ENOPROTOOPT => Reach::PortUnreachable,
        Errno::ECONNRESET => Reach::Reset,
        Errno::ETIMEDOUT => Reach::TimedOut,
        Errno::ENETUNREACH => Reach::NetworkUnreachable,
        // ICMP "host unknown" and "host isolated" are EHOSTDOWN and ENONET (net/ipv4/icmp.c, `icmp_err_convert`).
        Errno::EHOSTUNREACH | Errno::EHOSTDOWN | Errno::ENONET => Reach::HostUnreachable,
        // ICMPv6 "administratively prohibited" and related codes (net/ipv6/icmp.c, `tab_unreach`).
        Errno::EACCES => Reach::Prohibited,
        Errno::EPERM => Reach::NotPermitted,
        Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL => Reach::NoAddressFamily,
        _ => Reach::Failed,
    }
}

const fn needs_its_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn number(errno: Errno) -> u32 {
    (errno as i32).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_at_once_differs_from_the_same_errno_from_the_path() {
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
    fn a_route_that_swallows_packets_is_no_route() {
        for (address, reach) in
            [("169.254.169.254", Reach::NoRoute), ("2001:db8::1", Reach::NoRoute), ("fe80::1", Reach::Failed)]
        {
            let ending = Ending::at_once_on(address.parse().unwrap(), Errno::EINVAL, Protocol::Tcp);
            assert_eq!(ending.reach, reach, "{address}");
        }
    }

    #[test]
    fn econnrefused_is_refused_or_port_unreachable_by_protocol() {
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
