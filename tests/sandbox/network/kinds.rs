//! Each ending of an attempt, in a network that causes it: over IPv4 and IPv6, by TCP and by UDP, as Linux and as
//! gVisor report it.

mod answers;
mod on_the_way;
mod own_kernel;

use std::io::Write;

use stage::{
    Network,
    network::{Answer, Service},
    worlds::World,
};

use super::{BEYOND, verify};
use crate::{Row, row};

/// A network, and the endings of attempts in it.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    /// The router's rule for packets from the sandbox.
    cut: &'static str,
    /// Scripts for the router, for the public host, and for the sandbox's own namespace before the sandbox starts.
    router: &'static str,
    public: &'static str,
    within: &'static str,
    names: Answer,
    name_server: Option<&'static str>,
    words: &'static [&'static str],
    /// Beginnings of the attempts in the report; `*` replaces a number that changes each time.
    attempts: &'static [&'static str],
    linux: Said,
    gvisor: Said,
    /// The outcome of network-isolation; `None` if the endings decide it.
    outcome: Option<&'static str>,
    /// Endings in gVisor of 2024; `None` if they are the same.
    older_gvisor: Option<Said>,
}

/// The ending of each attempt.
type Said = &'static [&'static str];

const EACH_WAY: &[&str] =
    &["198.51.100.10:443", "[2606:4700:4700::1111]:443", "10.77.0.2:*/udp", "[fd77::2]:*/udp"];

const DROP: Kind = Kind {
    name: "drop",
    cut: "drop",
    router: "",
    public: "",
    within: "",
    names: Answer::Resolved,
    name_server: Some("10.77.0.53"),
    words: &["--no-default-targets"],
    attempts: EACH_WAY,
    linux: &["timed out"; 4],
    gvisor: &["timed out"; 4],
    outcome: None,
    older_gvisor: None,
};

/// A port with a listener that a filter may cut off.
const RESET_PORT: u16 = 444;

/// Endings that show contact.
const CONTACT: [&str; 6] =
    ["reached", "reset", "no such name", "name refused", "server failure", "somebody else answered"];

pub(super) fn rows(world: &World) -> Vec<Row> {
    let of_kind = |kind: &'static Kind| {
        let (skipped, its) = (world.missing.is_some(), world.clone());
        let name = format!("network, {}: {}", world.name, kind.name);
        Row { skipped, ..row(name, move || ends_so(&its, kind)) }
    };
    [on_the_way::KINDS, own_kernel::KINDS, answers::KINDS].into_iter().flatten().map(of_kind).collect()
}

fn ends_so(world: &World, kind: &Kind) {
    let network = Network::new(kind.names);
    network.cut(&format!("iifname \"sandbox\" {}", kind.cut));
    network.router().sh(kind.router);
    network.host("public").sh(kind.public);
    network.sandbox().sh(kind.within);
    let _listening = Service::tcp(network.host("public"), RESET_PORT);
    let ended = verify(&network, world, kind.name_server, &[kind.words, BEYOND].concat());
    let finding = ended.finding("network-isolation");
    let said = match kind.older_gvisor {
        Some(said) if world.name.starts_with("runsc of 2024") => said,
        _ if world.gvisor => kind.gvisor,
        _ => kind.linux,
    };
    let told: Vec<_> = kind.attempts.iter().map(|attempt| told(&finding, attempt)).collect();
    let listed: Vec<_> =
        kind.attempts.iter().zip(&told).map(|(name, told)| format!("{name} {told}")).collect();
    _ = writeln!(std::io::stderr(), "{} | {} | {}", kind.name, world.name, listed.join(", "));
    assert_eq!(told, said, "{:?}: {finding:#}", kind.attempts);
    let decided = if said.iter().any(|said| CONTACT.contains(said)) { "unmet" } else { "met" };
    let outcome = kind.outcome.unwrap_or(decided);
    assert_eq!(finding["outcome"], outcome, "{finding:#}");
}

/// Returns the ending of an attempt.
fn told(finding: &serde_json::Value, attempt: &str) -> String {
    let (begin, end) = attempt.split_once('*').unwrap_or((attempt, ""));
    let texts = finding["evidence"].as_array().unwrap().iter().filter_map(|it| it["text"].as_str());
    let mut attempts = texts.filter_map(|text| text.split_once(": "));
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let is_it = |name: &str| {
        let between = name.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
        between.is_some_and(is_port) && (name == attempt || attempt.contains('*'))
    };
    let ending = attempts.find_map(|(name, ending)| is_it(name).then_some(ending));
    let ending = ending.unwrap_or_else(|| panic!("no {attempt}: {finding:#}"));
    ending.split([';', '(']).next().unwrap().trim().to_owned()
}
