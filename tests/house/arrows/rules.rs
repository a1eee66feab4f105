//! The rules of the arrows, as data.

/// Modules of `controller/src` that are rooms. Every other module of the crate's root is only for tests.
pub(super) const ROOMS: &[&str] =
    &["case", "cli", "evidence", "image", "judge", "plan", "report", "run", "support"];

/// A rule about the imports of some modules.
#[derive(Debug)]
pub(super) struct Rule {
    /// The package that the modules belong to.
    pub(super) package: &'static str,
    /// The rooms that the rule binds. Empty if the rule binds the whole package.
    pub(super) rooms: &'static [&'static str],
    pub(super) bars: Bars,
    /// The rule in words, for the reader of a failure.
    pub(super) words: &'static str,
}

/// The imports that a rule bars.
#[derive(Debug)]
pub(super) enum Bars {
    /// Every name at or below these paths.
    Below(&'static [&'static str]),
    /// Every name of the package's own, except the room itself and names at or below these paths.
    OwnBut(&'static [&'static str]),
}

/// Rooms that decide and describe, and never touch the world.
const PURE: &[&str] = &["plan", "case", "judge", "report"];

/// Clients of an API server, a registry or any other peer.
const CLIENTS: &[&str] = &[
    "http",
    "hyper",
    "hyper_util",
    "k8s_openapi",
    "kube",
    "oci_client",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os::unix::net",
    "tonic",
    "tower",
];

/// Everything that starts, waits for or runs something.
const RUNTIMES: &[&str] = &[
    "crate::cli",
    "crate::run",
    "futures_util",
    "nix",
    "std::process::Child",
    "std::process::Command",
    "std::thread",
    "tokio",
    "tokio_stream",
];

/// Readers of the current time. Types of a time that somebody else read are no clock.
const CLOCKS: &[&str] = &[
    "crate::support::clock",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "std::time::Instant",
    "std::time::SystemTime",
];

pub(super) const RULES: &[Rule] = &[
    Rule {
        package: "controller",
        rooms: &["judge"],
        bars: Bars::OwnBut(&["crate::case"]),
        words: "`judge` imports `case` and `proto` alone",
    },
    Rule {
        package: "controller",
        rooms: &["run"],
        bars: Bars::Below(&["crate::judge", "crate::report"]),
        words: "`run` imports neither `judge` nor `report`",
    },
    Rule {
        package: "controller",
        rooms: PURE,
        bars: Bars::Below(CLIENTS),
        words: "a pure room imports no client",
    },
    Rule {
        package: "controller",
        rooms: PURE,
        bars: Bars::Below(RUNTIMES),
        words: "a pure room imports no runtime",
    },
    Rule {
        package: "controller",
        rooms: PURE,
        bars: Bars::Below(CLOCKS),
        words: "a pure room imports no clock",
    },
    Rule {
        package: "controller",
        rooms: &[],
        bars: Bars::Below(&["probe"]),
        words: "the controller does not import the probe",
    },
    Rule {
        package: "probe",
        rooms: &[],
        bars: Bars::Below(&["controller"]),
        words: "the probe does not import the controller",
    },
    Rule {
        package: "proto",
        rooms: &[],
        bars: Bars::Below(&["controller", "probe"]),
        words: "`proto` imports neither the controller nor the probe",
    },
];
