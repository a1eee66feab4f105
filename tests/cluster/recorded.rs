//! The requests of each command, and the answers to them. The simulated tests have them in files, which `UPDATE_RECORDED=1` writes
//! anew.

#[path = "../simulated/recorded/exchange.rs"]
mod exchange;
#[path = "../simulated/recorded/log.rs"]
mod log;
#[path = "../simulated/recorded/modes.rs"]
mod modes;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
};

use nix::sys::signal::Signal;
use serde_json::Value;
use stage::{Cluster, Ended, cluster::ONE, run};

use crate::{
    Test,
    scene::{Scene, send},
};
use exchange::Exchange;
use modes::{CLEANUP, MODES, Mode};

pub(super) const TESTS: &[Test] =
    &[("each command makes the requests that the simulated tests have recorded", recorded)];

/// A path that no command asks for.
const MARK: &str = "/livez";

fn recorded(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let mut found: Vec<_> = MODES.iter().flat_map(|mode| differences(&scene, mode)).collect();
    let mut changes = scene.changes();
    let run = scene.start(&["--timeout", "30s"]);
    changes.until("Running");
    send(Signal::SIGKILL, &run);
    run::ended(run);
    found.extend(differences(&scene, &CLEANUP));
    assert!(found.is_empty(), "set UPDATE_RECORDED=1 if these are meant:\n{}", found.join("\n"));
}

/// Runs a command, and returns the differences between its requests and the recorded ones.
fn differences(scene: &Scene<'_>, mode: &Mode) -> Vec<String> {
    let cluster = scene.cluster;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("simulated/recorded/{}.txt", mode.name));
    let pods = scene.shop.get(&["pods", "--selector", "app=web,!podproof.dev/run"]);
    let pod = pods["items"][0]["metadata"]["name"].as_str().unwrap();
    let names = [
        (scene.shop.name(), "{judged}"),
        (scene.control.name(), "{control}"),
        (pod, "{pod}"),
        (ONE, "{node}"),
    ];
    let before: BTreeSet<_> = cluster.recorded().iter().map(id).collect();
    let ended = command(scene, mode);
    assert_eq!(ended.code(), Some(mode.code.into()), "{ended:#?}");
    let real: Vec<_> = exchanges(&log(cluster, &before)).iter().map(|it| it.general(&names)).collect();
    if env::var_os("UPDATE_RECORDED").is_some() {
        let lines: Vec<_> = real.iter().map(ToString::to_string).collect();
        fs::write(&file, lines.join("\n") + "\n").unwrap();
    }
    let known = fs::read_to_string(&file).unwrap_or_default();
    let known: Vec<_> = known.lines().map(|line| Exchange::read(line).unwrap()).collect();
    let found = log::differences(("now", &real), ("in the file", &known), mode.deletes);
    found.into_iter().map(|it| format!("{}: {it}", mode.name)).collect()
}

fn command(scene: &Scene<'_>, mode: &Mode) -> Ended {
    let (image, kubeconfig) = (scene.cluster.probe_image(), scene.cluster.recorded_kubeconfig());
    let kubeconfig = kubeconfig.display().to_string();
    let words = mode.words(scene.shop.name(), scene.control.name(), &image);
    scene.cluster.controller(&[&words[..], &["--kubeconfig", &kubeconfig]].concat())
}

/// Returns the recorded user's part of the log without the requests of these ids, as soon as the log has the requests so far. The end
/// of a stream can be logged after the command that asked for it.
fn log(cluster: &Cluster, before: &BTreeSet<String>) -> Vec<Value> {
    let kubeconfig = cluster.recorded_kubeconfig().display().to_string();
    let mark = ["get", "--raw", MARK, "--kubeconfig", &kubeconfig];
    assert!(cluster.kubectl(&mark).status.success());
    let mut events = Vec::new();
    cluster.until("the log of a run's requests", || {
        events = cluster.recorded();
        events.retain(|event| !before.contains(&id(event)));
        events.iter().any(is_mark)
    });
    events.retain(|event| !is_mark(event));
    events
}

fn id(event: &Value) -> String {
    text(event, "auditID")
}

fn text(event: &Value, name: &str) -> String {
    event[name].as_str().unwrap_or_default().to_owned()
}

fn is_mark(event: &Value) -> bool {
    event["requestURI"] == MARK
}

/// Returns the exchanges in the order in which the requests arrived. A stream has several events of one id.
fn exchanges(events: &[Value]) -> Vec<Exchange> {
    let mut by_id: BTreeMap<String, &Value> = BTreeMap::new();
    for event in events {
        by_id.insert(id(event), event);
    }
    let arrivals: BTreeSet<_> =
        by_id.iter().map(|(id, event)| (text(event, "requestReceivedTimestamp"), id)).collect();
    let exchange = |(_, id): &(String, &String)| {
        let event = by_id[*id];
        let unanswered = Exchange::unanswered(method(&text(event, "verb")), &text(event, "requestURI"));
        let code = event["responseStatus"]["code"].as_u64().unwrap_or_default();
        unanswered.answered(code, &event["responseObject"])
    };
    arrivals.iter().map(exchange).collect()
}

/// Returns the method of a verb (kubernetes.io, "Authorization", "Request verbs").
fn method(verb: &str) -> &'static str {
    match verb {
        "create" => "POST",
        "update" => "PUT",
        "patch" => "PATCH",
        "delete" | "deletecollection" => "DELETE",
        _ => "GET",
    }
}
