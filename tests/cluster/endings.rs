//! Ends of a cluster: it ends with its starter, and nothing of it is left.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use stage::{Cluster, cluster};

use crate::Test;

pub(super) const TESTS: &[Test] = &[
    ("a cluster whose starter is killed leaves nothing, though its API server is frozen", killed),
    ("a cluster that is interrupted while it starts leaves nothing", interrupted),
];

fn killed(all: &Cluster) {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("podproof-killed");
    let mut up = start(&state);
    // Kept open until the end: the program ends its cluster in order if it cannot print.
    let mut said = BufReader::new(up.stdout.take().unwrap()).lines();
    assert!(said.next().unwrap().unwrap().starts_with("export KUBECONFIG="));
    Cluster::attach(&state).api_server().freeze();
    up.kill().unwrap();
    up.wait().unwrap();
    all.until("the end of a cluster", || !state.exists());
    assert_eq!(cluster::leftovers(&state), [""; 0]);
    drop(said);
}

fn interrupted(all: &Cluster) {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("podproof-interrupted");
    let mut up = start(&state);
    all.until("a half started cluster", || state.join("pids/kube-apiserver").exists());
    kill(Pid::from_raw(up.id().cast_signed()), Signal::SIGINT).unwrap();
    assert!(!up.wait().unwrap().success());
    all.until("the end of a cluster", || !state.exists());
    assert_eq!(cluster::leftovers(&state), [""; 0]);
}

fn start(state: &std::path::Path) -> Child {
    let mut command = Command::new(cluster::cluster_program());
    command.args(["up", "--one-node", "--not-enforced", "--state"]).arg(state);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}
