//! Networks that open or close while a sandbox runs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use stage::{
    Ended, Network, attempt,
    network::{Answer, Service},
    worlds::World,
};

use super::{BEYOND, CLOSED, DROPPED, Lacks, OPEN, assert_lacks, verify};
use crate::{Row, row};

/// Interval at which the network is asked if the sandbox has begun.
const PULSE: Duration = Duration::from_millis(50);
/// A time after which the first round is over: a round lasts 3 s.
const AFTER_A_ROUND: Duration = Duration::from_millis(3500);

/// Runs of a row whose cut came too early.
const RUNS: usize = 3;

/// Outcomes of a network that closes while the probe looks.
const EARLY: Lacks = &[
    ("closed-from-the-start", "unmet"),
    ("dns-contained", "unmet"),
    ("metadata-blocked", "unmet"),
    ("network-isolation", "unmet"),
];

pub(super) fn rows(world: &World) -> Vec<Row> {
    let of = |name: &str, judged: fn(&World)| {
        let (skipped, its) = (world.missing.is_some(), world.clone());
        Row { skipped, ..row(format!("network, {}: {name}", world.name), move || judged(&its)) }
    };
    let moving = [of("open in the first seconds only", open_at_first), of("open later only", open_later)];
    // One world is enough for the time that a run takes as users make it.
    let twice = (world.name == "runsc of 2026, systrap").then(|| of("closed at first and later", closed));
    moving.into_iter().chain(twice).collect()
}

/// Makes both rounds in a network that stays closed.
fn closed(world: &World) {
    let network = Network::new(Answer::Resolved);
    network.cut(DROPPED);
    let words = [BEYOND, &["--settle", "5s"]].concat();
    let ended = verify(&network, world, Some("10.77.0.53"), &words);
    assert_lacks(
        &ended,
        world,
        "closed at first and later",
        CLOSED,
        "the controller reached the same listener",
    );
    let because = ended.finding("closed-from-the-start")["because"].to_string();
    assert!(because.contains("ms after the container's start"), "{because}");
}

/// The attempts of a round run beside each other. On a busy machine the cut may come before another attempt has got through,
/// which is then inconclusive.
fn open_at_first(world: &World) {
    let mut ended = cut_off(world);
    for _ in 1..RUNS {
        if ended.lacking().values().any(|outcome| outcome == "inconclusive") {
            ended = cut_off(world);
        }
    }
    assert_lacks(&ended, world, "open in the first seconds only", EARLY, "reached");
}

/// Has the router cut the sandbox off as soon as the sandbox has connected.
fn cut_off(world: &World) -> Ended {
    let network = Network::new(Answer::Resolved);
    let connected = Service::tcp(network.host("public"), 4443);
    let cut = network.cutter(DROPPED);
    // The controller cannot reach the port, so the connection is the sandbox's.
    network.shut("public", "tcp dport 4443 ip6 saddr fd77::2 drop");
    let words = ["--egress-target", "[2001:4860:4860::8888]:4443", "--settle", "3s"];
    meanwhile(
        |wanted| {
            if connected.taken(wanted) {
                cut();
            }
        },
        || verify(&network, world, Some("10.77.0.53"), &words),
    )
}

/// Has the router let the sandbox out when the first round is over.
fn open_later(world: &World) {
    let network = Network::new(Answer::Resolved);
    network.cut("iifname \"sandbox\" counter drop");
    let words = [BEYOND, &["--settle", "6s"]].concat();
    let ended = meanwhile(
        |wanted| {
            while wanted.load(Ordering::Relaxed) && !network.has_counted() {
                thread::sleep(PULSE);
            }
            thread::sleep(AFTER_A_ROUND);
            network.lift();
        },
        || verify(&network, world, Some("10.77.0.53"), &words),
    );
    assert_lacks(&ended, world, "open later only", OPEN, "only at the second attempt, 6 s later");
}

/// Changes the network while the controller runs. The change is told when it is wanted no more.
fn meanwhile(change: impl FnOnce(&AtomicBool) + Send, run: impl FnOnce() -> Ended) -> Ended {
    let wanted = Arc::new(AtomicBool::new(true));
    thread::scope(|scope| {
        let told = Arc::clone(&wanted);
        scope.spawn(move || change(&told));
        let ended = attempt(run);
        wanted.store(false, Ordering::Relaxed);
        ended.map_err(|failed| failed.message().unwrap_or_default().to_owned()).unwrap()
    })
}
