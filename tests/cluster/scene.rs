//! A run that is disturbed while it is under way.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use stage::{
    Cluster, Ended,
    cluster::{Namespace, Shop},
    run,
};

/// The label that all pods of runs have.
pub(super) const RUN: &str = "podproof.dev/run";

/// A namespace in which nothing is wrong, and a namespace for the control pod.
pub(super) struct Scene<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) shop: Namespace<'a>,
    pub(super) control: Namespace<'a>,
}

/// Changes of the probe's pod, as they come.
pub(super) struct Changes {
    kubectl: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl<'a> Scene<'a> {
    pub(super) fn open(cluster: &'a Cluster) -> Self {
        Self::open_with(cluster, |_| ())
    }

    /// Opens a scene whose namespace differs.
    pub(super) fn open_with(cluster: &'a Cluster, change: fn(&mut Shop)) -> Self {
        cluster.probe_image();
        let [shop, control] = ["interrupted", "control"].map(|word| cluster.namespace(word));
        let mut world = Shop::default();
        change(&mut world);
        world.open(&shop);
        Self { cluster, shop, control }
    }

    pub(super) fn start(&self, words: &[&str]) -> Child {
        self.start_aloud(&[&["--quiet"][..], words].concat())
    }

    /// Starts a run that tells its progress.
    pub(super) fn start_aloud(&self, words: &[&str]) -> Child {
        let image = self.cluster.probe_image();
        let own = ["verify", "--namespace", self.shop.name(), "--control-namespace", self.control.name()];
        let others = ["--image", &image, "--environment", "production", "--output", "json"];
        self.cluster.spawn_controller(&[&own[..], &others, words].concat())
    }

    /// Begins to watch before a run makes anything.
    pub(super) fn changes(&self) -> Changes {
        let columns = "custom-columns=NAME:.metadata.name,PHASE:.status.phase";
        let words = ["get", "pods", "--namespace", self.shop.name(), "--selector", RUN, "--no-headers"];
        let watch = ["--watch", "--output", columns];
        let mut command = self.cluster.kubectl_command(&[&words[..], &watch].concat());
        let mut kubectl = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(kubectl.stdout.take().unwrap()).lines();
        Changes { kubectl, lines }
    }

    /// Returns the objects of any run that are in either namespace.
    pub(super) fn left(&self) -> Vec<String> {
        let of = |namespace: &Namespace<'_>| {
            let objects = namespace.get(&["pods,configmaps", "--selector", RUN]);
            let objects = objects["items"].as_array().unwrap().clone();
            let name = |object: serde_json::Value| object["metadata"]["name"].as_str().unwrap().to_owned();
            objects.into_iter().map(name).collect::<Vec<_>>()
        };
        [of(&self.shop), of(&self.control)].concat()
    }

    /// Ends the probe's pod while it runs; returns how the run ended.
    pub(super) fn bereft(&self, end: impl Fn(&str)) -> Ended {
        let mut changes = self.changes();
        let run = self.start(&[]);
        end(&changes.until("Running"));
        let ended = run::ended(run);
        assert!(matches!(ended.code(), Some(3 | 4)), "{ended:#?}");
        assert_eq!(self.left(), [""; 0]);
        ended
    }

    pub(super) fn cleanup(&self) -> Ended {
        let words = ["cleanup", "--namespace", self.shop.name(), "--control-namespace", self.control.name()];
        self.cluster.controller(&words)
    }
}

impl Changes {
    /// Returns the name of the probe's pod, as soon as it is in this phase.
    pub(super) fn until(&mut self, phase: &str) -> String {
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

/// Waits until the probe of a run that tells its progress has been asked.
pub(super) fn until_asked(run: &mut Child) {
    let mut told = BufReader::new(run.stderr.as_mut().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().ends_with(" looks")), "the run ended before");
}

pub(super) fn send(signal: Signal, to: &Child) {
    kill(Pid::from_raw(to.id().cast_signed()), signal).unwrap();
}
