//! Sandboxes in networks that are cut in one way or another, by real packet filters. Each row states every
//! requirement that is not met; nothing else changes against the clean network of the same runtime.

mod kinds;
mod times;

use std::{collections::BTreeMap, io::Write};

use stage::{
    Ended, Ground, Network,
    network::Answer,
    worlds::{self, World},
};

use crate::{Row, row};

/// Requirements that are not met, besides those that no sandbox of the runtime meets.
type Lacks = &'static [(&'static str, &'static str)];

/// Targets beyond the node, which the node reaches. Silence of both targets shows that the sandbox is cut off.
const BEYOND: &[&str] =
    &["--egress-target", "198.51.100.10:443", "--egress-target", "[2606:4700:4700::1111]:443"];

const DROPPED: &str = "iifname \"sandbox\" drop";

const CLOSED: Lacks = &[];
/// Outcomes where the sandbox reaches everything at all times.
const OPEN: Lacks =
    &[("dns-contained", "unmet"), ("metadata-blocked", "unmet"), ("network-isolation", "unmet")];
const UNKNOWN: Lacks = &[
    ("closed-from-the-start", "inconclusive"),
    ("dns-contained", "inconclusive"),
    ("metadata-blocked", "inconclusive"),
    ("network-isolation", "inconclusive"),
];

/// A network, and the outcomes in it.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    /// Rules of the router.
    cut: &'static str,
    /// Rules of the public host.
    shut: &'static str,
    names: Answer,
    name_server: Option<&'static str>,
    words: &'static [&'static str],
    lacks: Lacks,
    /// Words of the reason for network-isolation.
    says: &'static str,
}

const CLEAN: Case = Case {
    name: "everything dropped",
    cut: DROPPED,
    shut: "",
    names: Answer::Resolved,
    name_server: Some("10.77.0.53"),
    words: BEYOND,
    lacks: CLOSED,
    says: "the controller reached the same listener and more",
};

const CASES: &[Case] = &[
    CLEAN,
    Case { name: "nothing cut", cut: "", lacks: OPEN, says: "reached", ..CLEAN },
    Case {
        name: "only metadata open",
        cut: "iifname \"sandbox\" ip daddr 169.254.169.254 accept; iifname \"sandbox\" drop",
        lacks: &[("metadata-blocked", "unmet"), ("network-isolation", "unmet")],
        says: "the sandbox reached a metadata service",
        ..CLEAN
    },
    Case {
        name: "only DNS open",
        cut: "iifname \"sandbox\" udp dport 53 accept; iifname \"sandbox\" drop",
        lacks: &[("dns-contained", "unmet"), ("network-isolation", "unmet")],
        says: "name server",
        ..CLEAN
    },
    Case {
        name: "only a resolver open that says no such name",
        cut: "iifname \"sandbox\" ip daddr 10.77.0.53 udp dport 53 accept; iifname \"sandbox\" drop",
        names: Answer::Code(3),
        lacks: &[("network-isolation", "unmet")],
        says: "the sandbox's own resolver answers",
        ..CLEAN
    },
    Case {
        name: "only IPv6 open",
        cut: "iifname \"sandbox\" meta nfproto ipv4 drop",
        lacks: &[
            ("dns-contained", "unmet"),
            ("metadata-blocked", "inconclusive"),
            ("network-isolation", "unmet"),
        ],
        says: "reached",
        ..CLEAN
    },
    Case {
        name: "only UDP open",
        cut: "iifname \"sandbox\" meta l4proto != udp drop",
        lacks: &[
            ("dns-contained", "unmet"),
            ("metadata-blocked", "inconclusive"),
            ("network-isolation", "unmet"),
        ],
        says: "name server",
        ..CLEAN
    },
    Case {
        name: "answers dropped, and requests let through",
        cut: "oifname \"sandbox\" drop",
        lacks: &[
            ("dns-contained", "inconclusive"),
            ("metadata-blocked", "inconclusive"),
            ("network-isolation", "unmet"),
        ],
        says: "the sandbox reached a listener in another namespace",
        ..CLEAN
    },
    Case {
        name: "dropped, with nothing tried beyond the node",
        words: &[],
        lacks: UNKNOWN,
        says: "--egress-target",
        ..CLEAN
    },
    Case {
        name: "dropped, with a target that answers nobody",
        words: &["--egress-target", "10.77.0.99:443"],
        lacks: UNKNOWN,
        says: "--egress-target",
        ..CLEAN
    },
    Case {
        name: "a target that answers the sandbox and not the control",
        cut: "iifname \"sandbox\" ip daddr 198.51.100.10 tcp dport 443 accept; iifname \"sandbox\" drop",
        shut: "ip saddr 10.77.0.2 drop",
        words: &["--egress-target", "198.51.100.10:443"],
        lacks: &[
            ("dns-contained", "inconclusive"),
            ("metadata-blocked", "inconclusive"),
            ("network-isolation", "unmet"),
        ],
        says: "the sandbox reached an address outside of the sandbox",
        ..CLEAN
    },
    Case {
        name: "the public internet open, and allowed",
        cut: "iifname \"sandbox\" ip daddr { 10.0.0.0/8, 169.254.0.0/16 } drop; iifname \"sandbox\" ip6 daddr fd77::/16 drop",
        words: &[
            "--profile",
            "no-private",
            "--egress-target",
            "10.77.0.7:8080",
            "--egress-target",
            "[fd77::7]:8080",
        ],
        lacks: &[],
        says: "the sandbox reached only what the profile allows",
        ..CLEAN
    },
    Case {
        name: "everything open, and only the public internet allowed",
        cut: "",
        words: &["--profile", "no-private"],
        lacks: &[("metadata-blocked", "unmet"), ("network-isolation", "unmet")],
        says: "reached",
        ..CLEAN
    },
    Case {
        name: "what is on the list open, and nothing else",
        cut: "iifname \"sandbox\" ip daddr 10.77.0.6 tcp dport 443 accept; iifname \"sandbox\" drop",
        words: &[
            "--profile",
            "allow-list",
            "--allow",
            "10.77.0.6:443",
            "--egress-target",
            "198.51.100.10:443",
            "--egress-target",
            "[2606:4700:4700::1111]:443",
        ],
        says: "the sandbox reached only what the profile allows",
        ..CLEAN
    },
    Case {
        name: "what is on the list not open",
        words: &["--profile", "allow-list", "--require-egress", "10.77.0.6:443"],
        lacks: &[
            ("closed-from-the-start", "inconclusive"),
            ("dns-contained", "inconclusive"),
            ("metadata-blocked", "inconclusive"),
            ("network-isolation", "unmet"),
        ],
        says: "the sandbox must reach 10.77.0.6:443, and did not",
        ..CLEAN
    },
    Case {
        name: "a resolver on the list that gives any name",
        cut: "iifname \"sandbox\" ip daddr 10.77.0.53 udp dport 53 accept; iifname \"sandbox\" drop",
        words: &[
            "--profile",
            "allow-list",
            "--allow",
            "10.77.0.53:53/dns",
            "--egress-target",
            "198.51.100.10:443",
            "--egress-target",
            "[2606:4700:4700::1111]:443",
        ],
        lacks: &[("dns-contained", "unmet")],
        says: "the sandbox reached only what the profile allows",
        ..CLEAN
    },
];

pub(super) fn rows() -> Vec<Row> {
    let of_world = |world: World| {
        let cases = CASES.iter().map(|&case| {
            let world = world.clone();
            let skipped = world.missing.is_some();
            let name = format!("network, {}: {}", world.name, case.name);
            Row { skipped, ..row(name, move || comes_out(&world, case)) }
        });
        cases.chain(kinds::rows(&world)).chain(times::rows(&world)).collect::<Vec<_>>()
    };
    worlds_in_it().flat_map(of_world).collect()
}

fn worlds_in_it() -> impl Iterator<Item = World> {
    worlds::all().unwrap_or_default().into_iter().filter(stands_in_it)
}

/// True for gVisor of different years, and for Linux. The sentry's network is the same on every platform.
fn stands_in_it(world: &World) -> bool {
    ["runsc of 2024, systrap", "runsc of 2026, systrap", "runc"].contains(&world.name.as_str())
}

fn comes_out(world: &World, case: Case) {
    let network = Network::new(case.names);
    network.cut(case.cut);
    if !case.shut.is_empty() {
        network.shut("public", case.shut);
    }
    let ended = verify(&network, world, case.name_server, case.words);
    assert_lacks(&ended, world, case.name, case.lacks, case.says);
}

fn verify(network: &Network, world: &World, name_server: Option<&str>, words: &[&str]) -> Ended {
    let ground = Ground::beside_others();
    let words = ["--environment", "production"].iter().chain(words).copied().collect::<Vec<_>>();
    let ended = network.verify(&ground, world.runtime.as_deref().unwrap(), name_server, &words);
    assert_eq!(ground.leftovers(&["mine"]), [""; 0], "{ended:#?}");
    ended
}

fn assert_lacks(ended: &Ended, world: &World, name: &str, lacks: Lacks, says: &str) {
    let mut expected: BTreeMap<_, _> =
        lacks.iter().map(|&(id, outcome)| (id.to_owned(), outcome.to_owned())).collect();
    if world.gvisor {
        // By default, the sandbox itself opens its files.
        expected.insert("runtime-hardening".to_owned(), "unmet".to_owned());
    } else {
        expected.insert("runtime-isolation".to_owned(), "unmet".to_owned());
        expected.insert("least-privilege".to_owned(), "unmet".to_owned());
        expected.insert("system-information-hidden".to_owned(), "unmet".to_owned());
    }
    let lacking = ended.lacking();
    let finding = ended.finding("network-isolation");
    let listed: Vec<_> = lacking.iter().map(|(id, outcome)| format!("{id} {outcome}")).collect();
    let listed = if listed.is_empty() { "nothing".to_owned() } else { listed.join(", ") };
    _ = writeln!(std::io::stderr(), "{name} | {} | lacks {listed}", world.name);
    assert_eq!(lacking, expected, "{name}: {finding:#}");
    let because = finding["because"].as_str().unwrap();
    assert!(because.contains(says), "{name}: {because}");
}
