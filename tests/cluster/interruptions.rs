//! What happens to a run while it is under way: never a verdict by accident, never a hang, and nothing left.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;
use stage::{
    Cluster, Ended,
    cluster::{Namespace, ONE, Shop},
    run,
};

use crate::Test;

pub(super) const TESTS: &[Test] = &[
    ("a run outlives an API server that crashes and comes back", server_crashed),
    ("an API server that does not answer ends a run at its deadline", server_frozen),
    ("a probe that somebody deletes is never ready", deleted),
    ("a probe that is evicted is never ready", evicted),
    ("two runs at once do not see each other", two_at_once),
    ("INT and TERM end a run with 130 wherever it is, and nothing is left", signalled),
];

/// What pods of runs have in common.
const RUN: &str = "podproof.dev/run";

/// A namespace in which nothing is wrong, and one for the control.
struct Scene<'a> {
    cluster: &'a Cluster,
    shop: Namespace<'a>,
    control: Namespace<'a>,
}

/// The probe's pod, each time that it changes.
struct Changes {
    kubectl: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl<'a> Scene<'a> {
    fn open(cluster: &'a Cluster) -> Self {
        cluster.probe_image();
        let [shop, control] = ["interrupted", "control"].map(|word| cluster.namespace(word));
        Shop::default().open(&shop);
        Self { cluster, shop, control }
    }

    fn start(&self, words: &[&str]) -> Child {
        let image = self.cluster.probe_image();
        let own = ["verify", "--namespace", self.shop.name(), "--control-namespace", self.control.name()];
        let others = ["--image", &image, "--environment", "production", "--output", "json", "--quiet"];
        self.cluster.spawn_controller(&[&own[..], &others, words].concat())
    }

    /// Begins to watch before a run makes anything.
    fn changes(&self) -> Changes {
        let columns = "custom-columns=NAME:.metadata.name,PHASE:.status.phase";
        let words = ["get", "pods", "--namespace", self.shop.name(), "--selector", RUN, "--no-headers"];
        let watch = ["--watch", "--output", columns];
        let mut command = self.cluster.kubectl_command(&[&words[..], &watch].concat());
        let mut kubectl = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(kubectl.stdout.take().unwrap()).lines();
        Changes { kubectl, lines }
    }

    /// What is there of any run, in both namespaces.
    fn left(&self) -> Vec<String> {
        let of = |namespace: &Namespace<'_>| {
            let objects = namespace.get(&["pods,configmaps", "--selector", RUN]);
            let objects = objects["items"].as_array().unwrap().clone();
            let name = |object: serde_json::Value| object["metadata"]["name"].as_str().unwrap().to_owned();
            objects.into_iter().map(name).collect::<Vec<_>>()
        };
        [of(&self.shop), of(&self.control)].concat()
    }

    /// Has somebody end the probe's pod while it runs; returns how the run ended.
    fn bereft(&self, end: impl Fn(&str)) -> Ended {
        let mut changes = self.changes();
        let run = self.start(&[]);
        end(&changes.until("Running"));
        let ended = run::ended(run);
        assert!(matches!(ended.code(), Some(3 | 4)), "{ended:#?}");
        assert_eq!(self.left(), [""; 0]);
        ended
    }

    fn cleanup(&self) -> Ended {
        let words = ["cleanup", "--namespace", self.shop.name(), "--control-namespace", self.control.name()];
        self.cluster.controller(&words)
    }
}

impl Changes {
    /// The name of the probe's pod, as soon as it is in this phase.
    fn until(&mut self, phase: &str) -> String {
        loop {
            let line = self.lines.next().unwrap().unwrap();
            let mut words = line.split_whitespace();
            let name = words.next().unwrap().to_owned();
            if words.next() == Some(phase) {
                return name;
            }
        }
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        _ = self.kubectl.kill();
        _ = self.kubectl.wait();
    }
}

fn send(signal: Signal, to: &Child) {
    kill(Pid::from_raw(to.id().cast_signed()), signal).unwrap();
}

fn server_crashed(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let mut changes = scene.changes();
    // No pod starts meanwhile, so that the run is under way for certain.
    cluster.node(ONE).kubelet().freeze();
    let run = scene.start(&[]);
    changes.until("Pending");
    cluster.api_server().kill();
    cluster.start_api_server();
    cluster.node(ONE).kubelet().thaw();
    let ended = run::ended(run);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    assert_eq!(scene.left(), [""; 0]);
}

fn server_frozen(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    cluster.api_server().freeze();
    let before = run::ended(scene.start(&["--timeout", "3s"]));
    cluster.api_server().thaw();
    assert_eq!(before.code(), Some(4), "{before:#?}");
    assert!(before.err.contains("/readyz"), "{}", before.err);
    let mut changes = scene.changes();
    let run = scene.start(&["--timeout", "5s"]);
    changes.until("Running");
    cluster.api_server().freeze();
    let ended = run::ended(run);
    cluster.api_server().thaw();
    assert!(matches!(ended.code(), Some(3..=5)), "{ended:#?}");
    assert!(
        ended.err.contains("controller cleanup") || ended.out.contains("controller cleanup"),
        "{ended:#?}"
    );
    cluster.until("an answer", || cluster.kubectl(&["get", "--raw=/readyz"]).status.success());
    assert_eq!(scene.cleanup().code(), Some(0));
    cluster.until("the end of its pods", || scene.left().is_empty());
}

fn deleted(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let ended = scene.bereft(|pod| {
        let words = ["delete", "pod", pod, "--wait=false"];
        assert!(scene.shop.kubectl(&words).status.success());
    });
    assert!(ended.out.contains("somebody deleted it"), "{ended:#?}");
}

fn evicted(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let ended = scene.bereft(|pod| {
        let namespace = scene.shop.name();
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
        let metadata = json!({ "name": pod, "namespace": namespace });
        let eviction = json!({ "apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata });
        cluster.feed(&["create", "--raw", &path, "--filename=-"], &eviction.to_string());
    });
    assert!(ended.out.contains("EvictionByEvictionAPI"), "{ended:#?}");
}

fn two_at_once(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let runs = [scene.start(&[]), scene.start(&[])];
    for ended in runs.map(run::ended) {
        assert_eq!(ended.code(), Some(0), "{ended:#?}");
    }
    assert_eq!(scene.left(), [""; 0]);
}

fn signalled(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        for phase in ["Pending", "Running"] {
            let mut changes = scene.changes();
            let run = scene.start(&[]);
            changes.until(phase);
            send(signal, &run);
            let ended = run::ended(run);
            assert_eq!(ended.code(), Some(130), "{signal} while {phase}: {ended:#?}");
            assert!(ended.out.is_empty(), "{}", ended.out);
            assert_eq!(scene.left(), [""; 0], "{signal} while {phase}");
        }
    }
}
