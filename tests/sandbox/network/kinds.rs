//! Each kind of failure, by the filter that makes it: over IPv4 and IPv6, by TCP and by UDP, as Linux and as gVisor tell it.

use stage::{Network, network::Answer, worlds::World};

use super::{BEYOND, verify};
use crate::{Row, row};

/// A filter, and what is said of an attempt behind it.
struct Kind {
    name: &'static str,
    cut: &'static str,
    linux: Said,
    /// gVisor's stack tells fewer kinds apart (`pkg/tcpip/transport`, `HandleError`).
    gvisor: Said,
}

/// TCP over IPv4 and IPv6, then UDP.
type Said = [&'static str; 4];

const SILENT: Said = ["timed out"; 4];
const REFUSED: Said = ["refused", "refused", "timed out", "timed out"];
const PORT: Said = ["refused", "refused", "port unreachable", "port unreachable"];

const KINDS: &[Kind] = &[
    Kind { name: "drop", cut: "drop", linux: SILENT, gvisor: SILENT },
    Kind {
        name: "reject with tcp reset",
        cut: "meta l4proto tcp reject with tcp reset; iifname \"sandbox\" drop",
        linux: REFUSED,
        gvisor: REFUSED,
    },
    Kind {
        name: "reject as port unreachable",
        cut: "reject with icmpx type port-unreachable",
        linux: PORT,
        gvisor: PORT,
    },
    Kind {
        name: "reject as host unreachable",
        cut: "reject with icmpx type host-unreachable",
        linux: ["host unreachable"; 4],
        gvisor: ["host unreachable", "timed out", "timed out", "timed out"],
    },
    Kind {
        name: "reject as network unreachable",
        cut: "reject with icmpx type no-route",
        linux: ["network unreachable"; 4],
        gvisor: ["network unreachable", "network unreachable", "timed out", "timed out"],
    },
    Kind {
        name: "reject as prohibited",
        cut: "reject with icmpx type admin-prohibited",
        // For TCP over IPv4 Linux has one errno for both (`icmp_err_convert`, net/ipv4/icmp.c).
        linux: ["host unreachable", "prohibited", "prohibited", "prohibited"],
        gvisor: ["host unreachable", "timed out", "timed out", "timed out"],
    },
];

/// How the attempts begin in the report, in that order; the listener's port is another each time.
const ATTEMPTS: [&str; 4] = ["198.51.100.10:443", "[2606:4700:4700::1111]:443", "10.77.0.2:", "[fd77::2]:"];

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
    let words = [BEYOND, &["--no-default-targets"]].concat();
    let ended = verify(&network, world, None, &words);
    let finding = ended.finding("network-isolation");
    assert_eq!(finding["outcome"], "met", "{finding:#}");
    let said = if world.gvisor { kind.gvisor } else { kind.linux };
    let told = ATTEMPTS.map(|address| told(&finding, address));
    assert_eq!(told, said, "TCP over IPv4 and IPv6, then UDP: {finding:#}");
}

/// How the attempt on an address ended, by UDP where the address names no port.
fn told(finding: &serde_json::Value, address: &str) -> String {
    let texts = finding["evidence"].as_array().unwrap().iter().filter_map(|it| it["text"].as_str());
    let udp = address.ends_with(':');
    let mut lines = texts.filter(|text| text.starts_with(address) && text.contains("/udp: ") == udp);
    let line = lines.next().unwrap_or_else(|| panic!("no {address}: {finding:#}"));
    let (_, ending) = line.split_once(": ").unwrap();
    ending.split([';', '(']).next().unwrap().trim().to_owned()
}
