//! Visits that are disturbed: the workload is never harmed, and no probe outlives its time.

use std::{thread, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use stage::{
    Cluster, Ended,
    cluster::{ONE, POOL, Service, TWO},
    run,
};

use super::{Pod, pods, unharmed, until_ended, until_visited};
use crate::{
    Test,
    scene::{Scene, send},
};

pub(crate) const TESTS: &[Test] = &[
    ("a pod that dies while it is examined is never ready", died),
    ("an interrupted visit ends the probe in the pod", |cluster| ended_by(cluster, Signal::SIGINT)),
    ("a terminated visit ends the probe in the pod", |cluster| ended_by(cluster, Signal::SIGTERM)),
];

/// Tests that disturb a node or look at a clock.
pub(crate) const OF_NODES: &[Test] = &[
    (
        "a visit that is interrupted before its probe runs is named with the probe's own end",
        interrupted_early,
    ),
    ("the probe of a killed controller ends by itself", killed),
    ("a kubelet that restarts during a visit is asked again", kubelet_restarted),
    ("a kubelet that ends during a visit ends the run early, and the probe is named", kubelet_ended),
    ("with --live a node that goes away for good leaves its pod unharmed and named", node_gone),
];

/// The time between the rounds of attempts of a visit that is to be disturbed.
const LONG: &str = "20s";

/// A service that is frozen, also if its test fails.
struct Frozen<'a>(&'a Service);

impl<'a> Frozen<'a> {
    fn of(service: &'a Service) -> Self {
        service.freeze();
        Self(service)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.0.thaw();
    }
}

fn died(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let run = scene.start(&["--live", "--settle", LONG]);
    let pod = until_visited(cluster, &scene);
    assert!(scene.shop.kubectl(&["delete", "pod", &pod, "--wait=false"]).status.success());
    let ended = run::ended(run);
    // On a busy machine, the pod may be gone before its probe is asked, and then no probe was.
    assert!(matches!(ended.code(), Some(3 | 4)), "{ended:#?}");
    let pods = pods(&scene.shop);
    assert!(pods.iter().all(|it| it.name == pod || it.visits == 0), "{pods:?}");
}

fn ended_by(cluster: &Cluster, signal: Signal) {
    let scene = Scene::open(cluster);
    let before = pods(&scene.shop);
    let run = scene.start(&["--live", "--settle", LONG]);
    until_visited(cluster, &scene);
    send(signal, &run);
    let ended = run::ended(run);
    assert_eq!(ended.code(), Some(130), "{ended:#?}");
    until_ended(cluster, &scene.shop);
    unharmed(&scene.shop, &before, 1);
}

/// The kubelet starts the probe when nobody waits for it any more.
fn interrupted_early(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let before = pods(&scene.shop);
    let frozen = Frozen::of(cluster.node(ONE).kubelet());
    // A frozen kubelet tells no memory.
    let run = scene.start(&["--live", "--live-unmeasured", "--timeout", "30s"]);
    cluster.until("a visit", || pods(&scene.shop)[0].visits == 1);
    send(Signal::SIGINT, &run);
    let ended = run::ended(run);
    drop(frozen);
    assert_eq!(ended.code(), Some(130), "{ended:#?}");
    named(&ended.err, &before);
    until_visited(cluster, &scene);
    until_ended(cluster, &scene.shop);
    unharmed(&scene.shop, &before, 1);
}

fn killed(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let before = pods(&scene.shop);
    let run = scene.start(&["--live", "--settle", "5s", "--timeout", "10s"]);
    until_visited(cluster, &scene);
    send(Signal::SIGKILL, &run);
    run::ended(run);
    until_ended(cluster, &scene.shop);
    unharmed(&scene.shop, &before, 1);
    let status = scene.shop.get(&["pods"])["items"][0]["status"]["ephemeralContainerStatuses"][0].clone();
    let ended = &status["state"]["terminated"];
    let moment = |name: &str| serde_json::from_value::<Time>(ended[name].clone()).unwrap().0;
    let lived = moment("finishedAt").duration_since(moment("startedAt")).as_secs();
    // The run's time, a minute, and the seconds of a busy machine.
    assert!(lived <= 75, "{status:#}");
}

fn kubelet_restarted(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let before = pods(&scene.shop);
    let kubelet = cluster.node(ONE).kubelet();
    let run = scene.start(&["--live", "--settle", "5s", "--timeout", "60s"]);
    until_visited(cluster, &scene);
    kubelet.kill();
    thread::sleep(Duration::from_secs(3));
    kubelet.start();
    let ended = run::ended(run);
    assert_eq!(ended.finding("probe-integrity")["outcome"], "met", "{ended:#?}");
    until_ended(cluster, &scene.shop);
    unharmed(&scene.shop, &before, 1);
}

fn kubelet_ended(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let before = pods(&scene.shop);
    let kubelet = cluster.node(ONE).kubelet();
    let run = scene.start(&["--live", "--settle", LONG, "--timeout", "60s"]);
    until_visited(cluster, &scene);
    kubelet.kill();
    let ended = run::ended(run);
    kubelet.start();
    assert!(matches!(ended.code(), Some(3 | 4)), "{ended:#?}");
    unexamined(&ended, &before);
    named(&ended.out, &before);
    until_ended(cluster, &scene.shop);
    unharmed(&scene.shop, &before, 1);
}

/// A node that is gone for good, as for the API server; it comes back, also if its test fails. Its pods run on.
struct Gone<'a> {
    cluster: &'a Cluster,
    object: Value,
}

impl<'a> Gone<'a> {
    fn of(cluster: &'a Cluster, name: &str) -> Self {
        cluster.node(name).kubelet().kill();
        let mut object = cluster.get(&["node", name]);
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.retain(|key, _| ["name", "labels", "annotations"].contains(&key.as_str()));
        cluster.ask(&["delete", "node", name]);
        Self { cluster, object }
    }
}

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        // The kubelet finds the object, with the labels and the addresses that it does not write itself.
        self.cluster.apply(&self.object.to_string());
        self.cluster.node(self.object["metadata"]["name"].as_str().unwrap()).kubelet().start();
    }
}

/// Policies are only declared on node two.
fn node_gone(cluster: &Cluster) {
    let scene = Scene::open_with(cluster, |shop| shop.pod()["nodeSelector"][POOL] = json!("plain"));
    let before = pods(&scene.shop);
    let run = scene.start(&["--live", "--settle", LONG, "--timeout", "30s"]);
    until_visited(cluster, &scene);
    let gone = Gone::of(cluster, TWO);
    let ended = run::ended(run);
    drop(gone);
    assert!(matches!(ended.code(), Some(3 | 4)), "{ended:#?}");
    unexamined(&ended, &before);
    named(&ended.out, &before);
    until_ended(cluster, &scene.shop);
    unharmed(&scene.shop, &before, 1);
}

/// Asserts that the report names the pods as not examined.
fn unexamined(ended: &Ended, pods: &[Pod]) {
    let integrity = ended.finding("probe-integrity");
    assert_ne!(integrity["outcome"], Value::from("met"), "{integrity:#}");
    for pod in pods {
        assert!(ended.out.contains(&pod.name), "{ended:#?}");
    }
}

/// Asserts that the text names the probe in each pod, and its own end.
fn named(text: &str, pods: &[Pod]) {
    for pod in pods {
        assert!(text.contains(&format!("in pod {}", pod.name)), "{text}");
    }
    assert!(text.contains("the probe ends by itself"), "{text}");
}
