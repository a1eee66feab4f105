//! Each kind of failure, by the filter that makes it.

use stage::{Network, network::Answer, worlds::World};

use super::{BEYOND, verify};
use crate::{Row, row};

/// By TCP and by UDP to the same host, over IPv4 and IPv6; what is said of each.
struct Kind {
    name: &'static str,
    cut: &'static str,
    tcp: &'static str,
    udp: &'static str,
    tcp_6: &'static str,
}

const KINDS: &[Kind] = &[
    Kind { name: "drop", cut: "drop", tcp: "timed out", udp: "timed out", tcp_6: "timed out" },
    Kind {
        name: "reject with tcp reset",
        cut: "meta l4proto tcp reject with tcp reset; iifname \"sandbox\" drop",
        tcp: "refused",
        udp: "timed out",
        tcp_6: "refused",
    },
    Kind {
        name: "reject as port unreachable",
        cut: "reject with icmpx type port-unreachable",
        tcp: "refused",
        udp: "port unreachable",
        tcp_6: "refused",
    },
    Kind {
        name: "reject as host unreachable",
        cut: "reject with icmpx type host-unreachable",
        tcp: "host unreachable",
        udp: "host unreachable",
        tcp_6: "host unreachable",
    },
    Kind {
        name: "reject as network unreachable",
        cut: "reject with icmpx type no-route",
        tcp: "network unreachable",
        udp: "network unreachable",
        tcp_6: "network unreachable",
    },
    Kind {
        name: "reject as prohibited",
        cut: "reject with icmpx type admin-prohibited",
        tcp: "host unreachable",
        udp: "prohibited",
        tcp_6: "prohibited",
    },
];

pub(super) fn rows(world: &World) -> Vec<Row> {
    let of_kind = |kind: &'static Kind| {
        let (skipped, its) = (world.missing.is_some(), world.clone());
        let name = format!("network, {}: {}", world.name, kind.name);
        Row { skipped, ..row(name, move || ends_so(&its, kind)) }
    };
    KINDS.iter().map(of_kind).collect()
}

fn ends_so(world: &World, kind: &Kind) {
    let network = Network::new(Answer::Resolved);
    network.cut(&format!("iifname \"sandbox\" {}", kind.cut));
    let words = [BEYOND, &["--egress-target", "198.51.100.10:443/udp", "--no-default-targets"]].concat();
    let ended = verify(&network, world, None, &words);
    let finding = ended.finding("network-isolation");
    assert_eq!(finding["outcome"], "met", "{finding:#}");
    let evidence = finding["evidence"].to_string();
    for (target, said) in [
        ("198.51.100.10:443", kind.tcp),
        ("198.51.100.10:443/udp", kind.udp),
        ("[2606:4700:4700::1111]:443", kind.tcp_6),
    ] {
        assert!(evidence.contains(&format!("{target}: {said}")), "{target}: {said}: {finding:#}");
    }
}
