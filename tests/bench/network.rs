//! The cost of many targets: 64 blocked targets against one, and the probe's memory with 256. It prints ratios and
//! sizes, and judges nothing.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that cannot go on ends here")]

use std::{
    fs,
    io::{self, Write},
    time::{Duration, Instant},
};

use stage::{Ground, Network, network::Answer, run, worlds};

const RUNS: usize = 5;

fn main() -> io::Result<()> {
    let mut out = io::stdout();
    if let Some(missing) = worlds::missing() {
        return writeln!(out, "nothing measured: {missing}");
    }
    for world in worlds::all().unwrap_or_default() {
        let Some(runtime) = world.runtime.filter(|_| world.missing.is_none()) else { continue };
        // In pairs, so that changes of the machine's load affect both.
        let mut pairs: Vec<_> = (0..RUNS)
            .map(|_| (blocked(&runtime, 64).as_secs_f64(), blocked(&runtime, 1).as_secs_f64()))
            .collect();
        pairs.sort_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
        let (many, one) = pairs[RUNS / 2];
        let ratio = many / one;
        writeln!(
            out,
            "{}: 64 blocked targets take {ratio:.3} times as long as one ({one:.2} s)",
            world.name
        )?;
    }
    writeln!(out, "peak memory of the probe and its worker with 256 targets: {} KB", peak())
}

/// Measures a whole run with so many targets, none of which answers.
fn blocked(runtime: &str, count: usize) -> Duration {
    let network = Network::new(Answer::Resolved);
    network.cut("iifname \"sandbox\" drop");
    let ground = Ground::new();
    let started = Instant::now();
    network.verify(&ground, runtime, None, &words(count).iter().map(String::as_str).collect::<Vec<_>>());
    started.elapsed()
}

/// Returns the probe's memory in KB, on the machine's own kernel.
fn peak() -> String {
    let network = Network::new(Answer::Resolved);
    let ground = Ground::new();
    let probe = run::probe();
    let runtime = format!("{} measure {} report", run::impostor().display(), probe.display());
    network.verify(&ground, &runtime, None, &words(256).iter().map(String::as_str).collect::<Vec<_>>());
    fs::read_to_string(ground.path().join("peak")).unwrap()
}

/// Returns addresses of the network that no host has.
fn words(count: usize) -> Vec<String> {
    let targets = (0..count).flat_map(|number| {
        let (port, host) = (1000 + number, 100 + number % 100);
        ["--egress-target".to_owned(), format!("10.77.0.{host}:{port}")]
    });
    ["--no-default-targets".to_owned()].into_iter().chain(targets).collect()
}
