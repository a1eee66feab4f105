//! Effects of the kernel of the sandbox's namespace on packets, whatever is open beyond it. gVisor takes over the
//! addresses and routes of interfaces, and no filters (`runsc/sandbox/network.go`, `routesForIface`). Its frames pass
//! that kernel by, through packet sockets. A path that only this kernel closes is therefore open from gVisor.

use super::{DROP, Kind, Said};

const OPEN: Said = &["reached"; 4];
/// Such a route of IPv6 is a route of the loopback interface in Linux. gVisor of 2026 takes over those routes too,
/// and they lead back to the sandbox.
const LEADS_BACK: Said = &["reached", "timed out", "reached", "timed out"];
const NO_FAMILY: Said = &["timed out", "no such address family", "timed out", "no such address family"];
/// gVisor looks for a route and an address at once (`pkg/tcpip/stack`, `FindRoute`).
const NO_WAY: Said = &["timed out", "no route", "timed out", "no route"];
const OLDER_NO_WAY: Said = &["timed out", "host unreachable", "timed out", "host unreachable"];

const BY_ROUTE: Kind = Kind { cut: "accept", gvisor: LEADS_BACK, older_gvisor: Some(OPEN), ..DROP };
const NO_IPV6: Kind = Kind { linux: NO_FAMILY, gvisor: NO_WAY, older_gvisor: Some(OLDER_NO_WAY), ..DROP };

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "no route",
        cut: "accept",
        within: "ip route del default; ip -6 route del default",
        linux: &["no route"; 4],
        gvisor: &["no route"; 4],
        older_gvisor: Some(&["host unreachable"; 4]),
        ..DROP
    },
    Kind {
        name: "prohibited by a route",
        within: "for to in 198.51.100.10 10.77.0.2 2606:4700:4700::1111 fd77::2; do ip route add prohibit $to; done",
        linux: &["not permitted"; 4],
        ..BY_ROUTE
    },
    Kind {
        name: "unreachable by a route",
        within: "for to in 198.51.100.10 10.77.0.2 2606:4700:4700::1111 fd77::2; do ip route add unreachable $to; done",
        linux: &["host unreachable"; 4],
        ..BY_ROUTE
    },
    Kind {
        name: "swallowed by a route",
        within: "for to in 198.51.100.10 10.77.0.2 2606:4700:4700::1111 fd77::2; do ip route add blackhole $to; done",
        // EINVAL (`fib_props`, net/ipv4/fib_semantics.c).
        linux: &["no route"; 4],
        ..BY_ROUTE
    },
    Kind {
        name: "dropped on the way out of the own kernel",
        cut: "accept",
        within: "nft 'add table inet cut; add chain inet cut output { type filter hook output priority 0; policy drop; }'",
        // For TCP it is a lost packet, which is sent again.
        linux: &["timed out", "timed out", "not permitted", "not permitted"],
        gvisor: OPEN,
        ..DROP
    },
    Kind {
        name: "no address of IPv6",
        within: "ip -6 address flush dev eth0; ip -6 address flush dev lo",
        ..NO_IPV6
    },
    Kind { name: "no IPv6", within: "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6", ..NO_IPV6 },
];
