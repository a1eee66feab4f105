//! Changes made while the probes run: they are judged too, or make the affected requirement inconclusive.

use std::{thread, time::Duration};

use serde_json::json;
use stage::{
    Cluster, Ended,
    cluster::{Namespace, ONE, deployment, policy},
    run,
};

use crate::{
    Test,
    scene::{Scene, until_asked},
};

pub(super) const TESTS: &[Test] = &[
    ("a pod that appears during a run is judged if a probe represents it", joined),
    ("a pod that appears during a run without a probe makes the coverage inconclusive", uncovered),
    ("a policy for the pods that is added during a run makes the network inconclusive", policy_added),
    ("a policy for other pods that is added during a run changes nothing", policy_of_others_added),
    ("a label of the namespace that no policy selects changes nothing", label_added),
    ("a network that opens after the first round is unmet", opened_later),
    ("a network that closes after the first round is not closed from the start", closed_later),
];

/// The time from the first round of attempts to the second, in the rows that change the network in between.
const SETTLE: &str = "12s";
/// The time from the question to the probe to the change: the first round is over.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(4);

/// Changes something while the probe waits for its kubelet, and returns how the run ended.
fn meanwhile(scene: &Scene<'_>, change: impl Fn(&Namespace<'_>)) -> Ended {
    let mut changes = scene.changes();
    let kubelet = scene.cluster.node(ONE).kubelet();
    kubelet.freeze();
    let run = scene.start(&[]);
    changes.until("Pending");
    change(&scene.shop);
    kubelet.thaw();
    run::ended(run)
}

/// Makes a deployment, and waits until it has a pod.
fn late(namespace: &Namespace<'_>, change: fn(&mut serde_json::Value)) {
    let mut late = deployment("late");
    change(&mut late["spec"]["template"]["spec"]);
    namespace.apply(&late);
    namespace.kubectl(&["wait", "--for=create", "--timeout=60s", "pod", "--selector=app=late"]);
}

fn joined(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let ended = meanwhile(&scene, |shop| late(shop, |pod| pod["automountServiceAccountToken"] = json!(true)));
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    let because = ended.finding("no-token")["because"].to_string();
    assert!(because.contains("is mounted in pod/late"), "{because}");
    assert_eq!(ended.finding("coverage")["outcome"], "met", "{ended:#?}");
}

fn uncovered(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let ended = meanwhile(&scene, |shop| {
        late(shop, |pod| pod["runtimeClassName"] = json!("runc"));
    });
    // Without a probe, nothing tells which kernel is behind the class.
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    let coverage = ended.finding("coverage");
    assert_eq!(coverage["outcome"], "inconclusive", "{coverage:#}");
    let because = coverage["because"].to_string();
    assert!(
        because.contains("pod/late") && because.contains("created or changed during the run"),
        "{because}"
    );
}

fn policy_added(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let ended = meanwhile(&scene, |shop| {
        let untried = json!([{ "ports": [{ "port": 5432 }] }]);
        shop.apply(&policy("late", &json!({ "podSelector": {}, "egress": untried })));
    });
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    for id in ["network-isolation", "network-policies-apply", "policies-enforced"] {
        let finding = ended.finding(id);
        assert_eq!(finding["outcome"], "inconclusive", "{finding:#}");
        assert!(finding["because"].to_string().contains("NetworkPolicy late was added"), "{finding:#}");
    }
}

fn policy_of_others_added(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let ended = meanwhile(&scene, |shop| {
        let nobody = json!({ "podSelector": { "matchLabels": { "app": "nobody" } } });
        shop.apply(&policy("late", &nobody));
    });
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
}

fn label_added(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let ended = meanwhile(&scene, |shop| {
        let labelled = shop.kubectl(&["label", "namespace", shop.name(), "team=red"]);
        assert!(labelled.status.success(), "{labelled:#?}");
    });
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
}

fn opened_later(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let ended = between_rounds(&scene, |shop| shop.apply(&open()));
    let finding = ended.finding("network-isolation");
    assert_eq!(finding["outcome"], "unmet", "{finding:#}");
    let because = finding["because"].to_string();
    assert!(because.contains("only at the second attempt, 12 s later"), "{because}");
}

fn closed_later(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    scene.shop.apply(&open());
    let ended = between_rounds(&scene, |shop| {
        let deleted = shop.kubectl(&["delete", "networkpolicy", "late"]);
        assert!(deleted.status.success(), "{deleted:#?}");
    });
    let finding = ended.finding("closed-from-the-start");
    assert_eq!(finding["outcome"], "unmet", "{finding:#}");
}

/// Returns a policy that lets every pod of its namespace out.
fn open() -> serde_json::Value {
    policy("late", &json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": [{}] }))
}

/// Changes something between the two rounds of attempts, and returns how the run ended.
fn between_rounds(scene: &Scene<'_>, change: impl Fn(&Namespace<'_>)) -> Ended {
    let mut run = scene.start_aloud(&["--settle", SETTLE]);
    until_asked(&mut run);
    thread::sleep(BETWEEN_ROUNDS);
    change(&scene.shop);
    run::ended(run)
}
