//! Interruptions of a run: the run never ends in a verdict by accident, never hangs, and leaves nothing behind.

use std::{thread, time::Duration};

use nix::sys::signal::Signal;
use serde_json::json;
use stage::{
    Cluster,
    cluster::{ONE, POOL, pod},
    run,
};

use crate::{
    Batch, Selection, Test,
    scene::{RUN, Scene, send},
};

pub(super) const TESTS: &[Test] = &[
    ("a run outlives an API server that crashes and comes back", server_crashed),
    ("an API server that does not answer ends a run at its deadline", server_frozen),
    ("a run without a kubelet ends at its deadline and names its leftovers", kubelet_ended),
    ("a kubelet that ends during a run ends the run early, and the leftovers are named", kubelet_ends),
    ("a kubelet that refuses connections for some seconds is asked again", kubelet_restarted),
    ("a probe that is preempted is never ready", preempted),
];

/// Interruptions of one run alone.
pub(super) const OF_ONE_RUN: &[Test] = &[
    ("a probe that somebody deletes is never ready", deleted),
    ("a probe that is evicted is never ready", evicted),
    ("two runs at once do not see each other", two_at_once),
    ("leftovers of a killed controller are removed by cleanup and limited in time", killed),
    ("cleanup leaves objects alone that merely bear the label of a run", bystanders),
];

/// More time than the removal of a run's objects may take.
const LONG: &str = "60s";

fn server_crashed(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let mut changes = scene.changes();
    // No pod starts meanwhile, so the run is certainly under way.
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
    let cleanup = scene.cleanup();
    cluster.api_server().thaw();
    assert_eq!(cleanup.code(), Some(4), "{cleanup:#?}");
    assert!(matches!(ended.code(), Some(3..=5)), "{ended:#?}");
    assert!(
        ended.err.contains("controller cleanup") || ended.out.contains("controller cleanup"),
        "{ended:#?}"
    );
    cluster.until("an answer", || cluster.kubectl(&["get", "--raw=/readyz"]).status.success());
    assert_eq!(scene.cleanup().code(), Some(0));
    cluster.until("the end of its pods", || scene.left().is_empty());
}

/// The node still counts as ready, because nobody else has noticed.
fn kubelet_ended(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let kubelet = cluster.node(ONE).kubelet();
    kubelet.kill();
    let ended = run::ended(scene.start(&["--timeout", "5s"]));
    let left = scene.left();
    kubelet.start();
    assert_eq!(ended.code(), Some(5), "{ended:#?}");
    named(&ended.out, &left);
    cluster.until("the end of its pods", || scene.left().is_empty());
}

fn kubelet_ends(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let kubelet = cluster.node(ONE).kubelet();
    let mut changes = scene.changes();
    // So much that only the kubelet can end the run, on a busy machine too.
    let run = scene.start(&["--timeout", "180s"]);
    changes.until("Running");
    kubelet.kill();
    let ended = run::ended(run);
    let left = scene.left();
    kubelet.start();
    assert!(matches!(ended.code(), Some(3 | 4)), "{ended:#?}");
    named(&ended.out, &left);
    cluster.until("the end of its pods", || scene.left().is_empty());
}

fn kubelet_restarted(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let kubelet = cluster.node(ONE).kubelet();
    let mut changes = scene.changes();
    let run = scene.start(&["--timeout", LONG]);
    changes.until("Running");
    kubelet.kill();
    thread::sleep(Duration::from_secs(3));
    kubelet.start();
    let ended = run::ended(run);
    assert_eq!(ended.finding("probe-integrity")["outcome"], "met", "{ended:#?}");
    assert_eq!(scene.left(), [""; 0]);
}

/// Asserts that the report names everything that is left, with the command that removes it.
fn named(report: &str, left: &[String]) {
    assert!(!left.is_empty() && report.contains("controller cleanup --namespace"), "{left:?}: {report}");
    for name in left {
        assert!(report.contains(name), "{name} is left and not named: {report}");
    }
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

/// Preemption by a pod of a higher class that does not tolerate a probe beside it.
fn preempted(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let class = format!("above-{}", scene.shop.name());
    let _class = cluster.lend(json!({
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": { "name": class },
        "value": 1000,
    }));
    let elsewhere = cluster.namespace("above");
    let alone = json!([{
        "topologyKey": POOL,
        "namespaces": [scene.shop.name()],
        "labelSelector": { "matchExpressions": [{ "key": RUN, "operator": "Exists" }] },
    }]);
    let mut above = pod("above", "runc", ONE, None);
    above["spec"]["priorityClassName"] = json!(class);
    above["spec"]["affinity"] =
        json!({ "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": alone } });
    let ended = scene.bereft(|_| elsewhere.apply(&above));
    assert!(ended.out.contains("PreemptionByScheduler"), "{ended:#?}");
}

fn two_at_once(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let runs = [scene.start(&[]), scene.start(&[])];
    for ended in runs.map(run::ended) {
        assert_eq!(ended.code(), Some(0), "{ended:#?}");
    }
    assert_eq!(scene.left(), [""; 0]);
}

fn bystanders(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let labels = json!({ RUN: "podproof-0a1b2c3d" });
    let settings = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "podproof-0a1b2c3d", "labels": labels }, "data": { "key": "value" },
    });
    let mut pod = pod("bystander", "gvisor", ONE, None);
    pod["metadata"]["labels"] = labels;
    scene.control.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": [settings, pod] }));
    let cleaned = scene.cleanup();
    assert_eq!(cleaned.code(), Some(0), "{cleaned:#?}");
    for name in ["configmap/podproof-0a1b2c3d", "pod/bystander"] {
        assert!(cleaned.out.contains(&format!("left alone {name}")), "{}", cleaned.out);
    }
    assert_eq!(scene.left().len(), 2);
}

/// A row for each signal, and for each phase of the probe's pod in which the signal comes.
pub(super) fn signals() -> Batch {
    Batch { names: moments().map(|(name, _)| name).collect(), run: signalled }
}

fn moments() -> impl Iterator<Item = (String, (Signal, &'static str))> {
    let moments =
        [Signal::SIGINT, Signal::SIGTERM].map(|signal| ["Pending", "Running"].map(|phase| (signal, phase)));
    let name = |(signal, phase): (Signal, &str)| {
        format!("{signal} ends a run with 130 while its probe pod is {phase}, and nothing is left")
    };
    moments.into_iter().flatten().map(move |moment| (name(moment), moment))
}

fn signalled(cluster: &Cluster, selection: &Selection) {
    let scene = Scene::open(cluster);
    selection.run(1, &selection.of(moments()), |&(signal, phase)| {
        let mut changes = scene.changes();
        let run = scene.start(&[]);
        changes.until(phase);
        send(signal, &run);
        let ended = run::ended(run);
        assert_eq!(ended.code(), Some(130), "{ended:#?}");
        assert!(ended.out.is_empty(), "{}", ended.out);
        assert_eq!(scene.left(), [""; 0]);
    });
}

fn killed(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let mut changes = scene.changes();
    let run = scene.start(&["--timeout", "30s"]);
    let probe = changes.until("Running");
    send(Signal::SIGKILL, &run);
    run::ended(run);
    let left = scene.left();
    assert!(left.contains(&probe), "{left:?}");
    let lifetime = &scene.shop.get(&["pod", &probe])["spec"]["activeDeadlineSeconds"];
    assert_eq!(lifetime, 90, "the run's time and a minute");
    let cleaned = scene.cleanup();
    assert_eq!(cleaned.code(), Some(0), "{cleaned:#?}");
    for name in left {
        assert!(cleaned.out.contains(&name), "{name} is not in {}", cleaned.out);
    }
    let again = scene.cleanup();
    assert_eq!(
        (again.code(), again.out.as_str()),
        (Some(0), "nothing is left of earlier runs\n"),
        "{again:#?}"
    );
}
