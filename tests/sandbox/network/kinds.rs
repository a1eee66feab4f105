//! Each kind of failure, by the filter that makes it.

use stage::{Network, network::Answer, worlds::World};

use super::{BEYOND, verify};
use crate::{Row, row};

/// What is said of a connection over IPv4. A kernel tells few of many datagrams that they were rejected (icmp(7),
/// `icmp_ratelimit`), so that UDP's kinds are tested where there is one datagram: beside the probe's code.
struct Kind {
    name: &'static str,
    cut: &'static str,
    tcp: &'static str,
}

const KINDS: &[Kind] = &[
    Kind { name: "drop", cut: "drop", tcp: "timed out" },
    Kind {
        name: "reject with tcp reset",
        cut: "meta l4proto tcp reject with tcp reset; iifname \"sandbox\" drop",
        tcp: "refused",
    },
    Kind {
        name: "reject as port unreachable",
        cut: "reject with icmpx type port-unreachable",
        tcp: "refused",
    },
    Kind {
        name: "reject as host unreachable",
        cut: "reject with icmpx type host-unreachable",
        tcp: "host unreachable",
    },
    Kind {
        name: "reject as network unreachable",
        cut: "reject with icmpx type no-route",
        tcp: "network unreachable",
    },
    Kind {
        name: "reject as prohibited",
        cut: "reject with icmpx type admin-prohibited",
        tcp: "host unreachable",
    },
];

/// On Linux: gVisor's own kinds are not stated.
pub(super) fn rows(world: &World) -> Vec<Row> {
    if world.gvisor {
        return Vec::new();
    }
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
    let words = [BEYOND, &["--no-default-targets"]].concat();
    let ended = verify(&network, world, None, &words);
    let finding = ended.finding("network-isolation");
    assert_eq!(finding["outcome"], "met", "{finding:#}");
    let evidence = finding["evidence"].to_string();
    let said = format!("198.51.100.10:443: {}", kind.tcp);
    assert!(evidence.contains(&said), "{said}: {finding:#}");
}
