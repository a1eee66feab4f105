//! Effects of a router on packets.

use super::{DROP, Kind, Said};

const REFUSED: Said = &["refused", "refused", "timed out", "timed out"];
const PORT: Said = &["refused", "refused", "port unreachable", "port unreachable"];
const RESET: Said = &["reset", "reset", "timed out", "timed out"];
const TAKEN: Said = &["somebody else answered", "somebody else answered", "reached", "timed out"];
const ANOTHER: Said = &["somebody else answered"; 4];

/// Networks with a router that drops, rejects, resets or redirects. gVisor's stack distinguishes fewer endings
/// (`pkg/tcpip/transport`, `HandleError`).
pub(super) const KINDS: &[Kind] = &[
    DROP,
    Kind {
        name: "reject with tcp reset",
        cut: "meta l4proto tcp reject with tcp reset; iifname \"sandbox\" drop",
        linux: REFUSED,
        gvisor: REFUSED,
        ..DROP
    },
    Kind {
        name: "reject as port unreachable",
        cut: "reject with icmpx type port-unreachable",
        linux: PORT,
        gvisor: PORT,
        ..DROP
    },
    Kind {
        name: "reject as host unreachable",
        cut: "reject with icmpx type host-unreachable",
        linux: &["host unreachable"; 4],
        gvisor: &["host unreachable", "timed out", "timed out", "timed out"],
        ..DROP
    },
    Kind {
        name: "reject as network unreachable",
        cut: "reject with icmpx type no-route",
        linux: &["network unreachable"; 4],
        gvisor: &["network unreachable", "network unreachable", "timed out", "timed out"],
        ..DROP
    },
    Kind {
        name: "reject as prohibited",
        cut: "reject with icmpx type admin-prohibited",
        // For TCP over IPv4, Linux has one errno for both (`icmp_err_convert`, net/ipv4/icmp.c).
        linux: &["host unreachable", "prohibited", "prohibited", "prohibited"],
        gvisor: &["host unreachable", "timed out", "timed out", "timed out"],
        ..DROP
    },
    Kind {
        name: "reset once it is connected",
        cut: "tcp dport 444 accept; iifname \"sandbox\" drop",
        // A filter resets in answer to the handshake's last packet. A program that accepts and closes might be slower
        // than a check of the connection, which would then count as made.
        public: "nft 'add table inet cut; add chain inet cut input { type filter hook input priority 0; }; \
                 add rule inet cut input tcp dport 444 tcp flags & (syn | ack) == ack reject with tcp reset'",
        words: &["--egress-target", "198.51.100.10:444", "--egress-target", "[2606:4700:4700::1111]:444"],
        attempts: &["198.51.100.10:444", "[2606:4700:4700::1111]:444", "10.77.0.2:*/udp", "[fd77::2]:*/udp"],
        linux: RESET,
        gvisor: RESET,
        ..DROP
    },
    Kind {
        name: "somebody else answers",
        cut: "accept",
        router: "nft 'add table inet turn; add chain inet turn early { type nat hook prerouting priority dstnat; }; \
                 add rule inet turn early iifname \"sandbox\" meta l4proto { tcp, udp } ip daddr 10.77.0.2 \
                 dnat ip to 10.77.0.7:8080; \
                 add rule inet turn early iifname \"sandbox\" meta l4proto { tcp, udp } ip6 daddr fd77::2 \
                 dnat ip6 to [fd77::7]:8080'",
        attempts: &["10.77.0.2:*/udp", "[fd77::2]:*/udp", "10.77.0.2:*", "[fd77::2]:*"],
        linux: ANOTHER,
        gvisor: ANOTHER,
        ..DROP
    },
    Kind {
        name: "a proxy takes every connection",
        cut: "meta l4proto tcp accept; iifname \"sandbox\" drop",
        router: "nft 'add table inet turn; add chain inet turn early { type nat hook prerouting priority dstnat; }; \
                 add rule inet turn early iifname \"sandbox\" meta l4proto tcp meta nfproto ipv4 \
                 dnat ip to 10.77.0.7:8080; \
                 add rule inet turn early iifname \"sandbox\" meta l4proto tcp meta nfproto ipv6 \
                 dnat ip6 to [fd77::7]:8080'",
        attempts: &["10.77.0.2:*", "[fd77::2]:*", "198.51.100.10:443", "10.77.0.2:*/udp"],
        linux: TAKEN,
        gvisor: TAKEN,
        outcome: Some("inconclusive"),
        ..DROP
    },
];
