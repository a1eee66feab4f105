//! Endings of name queries, of echoes, and of datagrams that need no answer.

use stage::network::Answer;

use super::{DROP, Kind, Said};

const TIMED_OUT: Said = &["timed out"; 3];
const NAME_REFUSED: Said = &["name refused"; 3];
const SERVER_FAILURE: Said = &["server failure"; 3];
const NO_NAME: Said = &["no such name"; 3];
const NO_RESOLVER: Said = &["no resolver", "timed out", "timed out"];

const NAMES: Kind = Kind {
    cut: "udp dport 53 accept; iifname \"sandbox\" drop",
    words: &[],
    attempts: &["the sandbox's own resolver", "1.1.1.1:53/dns", "[2606:4700:4700::1111]:53/dns"],
    ..DROP
};

const ECHOES: Kind = Kind {
    cut: "meta l4proto { icmp, ipv6-icmp } accept; iifname \"sandbox\" drop",
    words: &[],
    attempts: &["1.1.1.1/icmp", "2606:4700:4700::1111/icmp", "10.77.0.2:*/one-way"],
    ..DROP
};

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "name servers silent", cut: "drop", linux: TIMED_OUT, gvisor: TIMED_OUT, ..NAMES },
    Kind {
        name: "name servers refuse",
        names: Answer::Code(5),
        linux: NAME_REFUSED,
        gvisor: NAME_REFUSED,
        ..NAMES
    },
    Kind {
        name: "name servers fail",
        names: Answer::Code(2),
        linux: SERVER_FAILURE,
        gvisor: SERVER_FAILURE,
        ..NAMES
    },
    Kind { name: "names unknown", names: Answer::Code(3), linux: NO_NAME, gvisor: NO_NAME, ..NAMES },
    Kind {
        name: "no resolv.conf",
        cut: "drop",
        name_server: None,
        linux: NO_RESOLVER,
        gvisor: NO_RESOLVER,
        ..NAMES
    },
    Kind {
        name: "a resolv.conf that names no server",
        cut: "drop",
        name_server: Some(""),
        linux: NO_RESOLVER,
        gvisor: NO_RESOLVER,
        ..NAMES
    },
    Kind {
        name: "echoes silent",
        cut: "drop",
        linux: &["timed out", "timed out", "sent"],
        gvisor: &["timed out", "timed out", "sent"],
        ..ECHOES
    },
    Kind {
        name: "echoes open",
        linux: &["reached", "reached", "sent"],
        gvisor: &["reached", "reached", "sent"],
        ..ECHOES
    },
    Kind {
        name: "echoes open, and nobody may send them",
        within: "echo 1 0 >/proc/sys/net/ipv4/ping_group_range",
        linux: &["not permitted", "not permitted", "sent"],
        // gVisor does not ask the namespace's kernel.
        gvisor: &["reached", "reached", "sent"],
        ..ECHOES
    },
];
