//! Obstacles that keep a run from its regular end: each has a message that names it, and the right exit code.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stage::{
    Cluster, Ended,
    cluster::{BUSYBOX, Image, Namespace, ONE, Shop},
};

use crate::Test;

pub(super) const TESTS: &[Test] = &[
    ("a missing namespace ends 4, and a mistyped name gets a suggestion", missing),
    ("a namespace without workloads ends 3 and says how to probe for pods that do not exist yet", empty),
    ("pods that do not exist yet can be ready", not_yet),
    ("an image that no node can pull ends 4 with the cluster's reason", unpullable),
    ("a probe that no node has room for ends 5 with the scheduler's reason", roomless),
    ("a container that cannot be made ends 4 with the runtime's reason", unmakeable),
    ("a container that does not start ends 4 with the runtime's reason", unstartable),
    ("a sandbox that the runtime refuses ends the run early, with one reason", unsandboxed),
    ("a handler that the node does not know is named with the node", unknown_handler),
    ("a quota that is used up ends 4 in the quota's own words", exhausted),
    ("without an image a run ends 2 with the two commands that make one", no_image),
    ("an API server that is not there ends 4", unreachable),
];

/// A time in which the kubelet makes some attempts at a container.
const BRIEFLY: &[&str] = &["--start-timeout", "20s"];

fn verify(cluster: &Cluster, namespace: &str, image: &str, words: &[&str]) -> Ended {
    let own =
        ["verify", "--namespace", namespace, "--image", image, "--environment", "production", "--quiet"];
    cluster.controller(&[&own[..], words].concat())
}

/// Asserts that a run which could not be made says why and what to do.
fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    for word in words.iter().chain(&["error: ", "\nhelp: "]) {
        assert!(ended.err.contains(word), "{word:?} is not in {}", ended.err);
    }
}

fn deny_all(namespace: &Namespace<'_>) {
    Shop { deployments: Vec::new(), ..Shop::default() }.open(namespace);
}

fn missing(cluster: &Cluster) {
    let image = cluster.probe_image();
    let there = cluster.namespace("there");
    let mistyped = format!("{}x", there.name());
    refused(
        &verify(cluster, &mistyped, &image, &[]),
        &[&mistyped, &format!("did you mean {}?", there.name())],
    );
    let ended = verify(cluster, "nothing-like-it", &image, &[]);
    refused(&ended, &["there is no namespace nothing-like-it"]);
    assert!(!ended.err.contains("did you mean"), "{}", ended.err);
}

fn empty(cluster: &Cluster) {
    let namespace = cluster.namespace("empty");
    deny_all(&namespace);
    let ended = verify(cluster, namespace.name(), &cluster.probe_image(), &[]);
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    assert!(ended.out.contains("no workload") && ended.out.contains("--runtime-class NAME"), "{}", ended.out);
}

fn not_yet(cluster: &Cluster) {
    let [namespace, control] = ["empty", "control"].map(|word| cluster.namespace(word));
    deny_all(&namespace);
    let words = ["--runtime-class", "gvisor", "--labels", "app=web", "--control-namespace", control.name()];
    // The class does not name nodes, and on node two policies are only declared.
    let ended =
        verify(cluster, namespace.name(), &cluster.probe_image(), &[&words[..], &["--nodes", ONE]].concat());
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    assert!(flat(&ended).contains("represents no pod yet"), "{}", ended.out);
}

fn unpullable(cluster: &Cluster) {
    let namespace = cluster.namespace("unpullable");
    Shop::default().open(&namespace);
    let there = cluster.registry().push(BUSYBOX, "there:1");
    let image = there.replace("there", "nothing");
    let ended = verify(cluster, namespace.name(), &image, BRIEFLY);
    refused(&ended, &["ImagePull", &image, "--image-pull-secret NAME", "controller image --push REF"]);
    gone(&namespace);
}

fn roomless(cluster: &Cluster) {
    // A node that has just become ready still has the taint for a moment, and then no probe is planned at all.
    cluster.until("nodes without a taint", || {
        let taints = cluster.kubectl(&["get", "nodes", "--output=jsonpath={.items[*].spec.taints}"]);
        taints.status.success() && !taints.out.contains("not-ready")
    });
    let namespace = cluster.namespace("roomless");
    deny_all(&namespace);
    let class = format!("heavy-of-{}", namespace.name());
    let _class = cluster.lend(json!({
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": { "name": class },
        "handler": "runsc",
        "overhead": { "podFixed": { "cpu": "1000" } },
    }));
    let words = ["--runtime-class", &class, "--nodes", ONE, "--timeout", "5s"];
    let ended = verify(cluster, namespace.name(), &cluster.probe_image(), &words);
    assert_eq!(ended.code(), Some(5), "{ended:#?}");
    assert!(flat(&ended).contains("Insufficient cpu"), "{}", ended.out);
    gone(&namespace);
}

fn unmakeable(cluster: &Cluster) {
    // The volume's path is a link that leads to itself, so the runtime cannot make the folder.
    let endless = format!("podproof.test/endless:{}", std::process::id());
    let archive = cluster.state().join("endless.tar");
    Image::busybox(&endless).link("endless", "/endless").volume("/endless").write(&archive).unwrap();
    cluster.import(&archive, ONE);
    never_runs(cluster, &endless, "CreateContainerError");
}

fn unstartable(cluster: &Cluster) {
    never_runs(cluster, BUSYBOX, "/probe");
}

fn never_runs(cluster: &Cluster, image: &str, words: &str) {
    let namespace = cluster.namespace("unstartable");
    Shop::default().open(&namespace);
    let ended = verify(cluster, namespace.name(), image, BRIEFLY);
    refused(&ended, &[words]);
    gone(&namespace);
}

fn unsandboxed(cluster: &Cluster) {
    let namespace = cluster.namespace("unsandboxed");
    let mut shop = Shop { starts: false, ..Shop::default() };
    shop.template()["metadata"]["annotations"] = json!({ "dev.gvisor.flag.platform": "no-such-platform" });
    shop.open(&namespace);
    let started = Instant::now();
    let ended = verify(cluster, namespace.name(), &cluster.probe_image(), &["--timeout", "5m"]);
    assert!(started.elapsed() < Duration::from_secs(200), "{ended:#?}");
    refused(&ended, &["FailedCreatePodSandBox"]);
    assert_eq!(ended.err.matches("FailedCreatePodSandBox").count(), 1, "{ended:#?}");
    gone(&namespace);
}

/// Returns the report as one line: the controller wraps it to the width of its reader.
fn flat(ended: &Ended) -> String {
    ended.out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unknown_handler(cluster: &Cluster) {
    let namespace = cluster.namespace("handler");
    deny_all(&namespace);
    let class = format!("class-of-{}", namespace.name());
    let _class = cluster.lend(json!({
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": { "name": class },
        "handler": "runsc-of-nobody",
    }));
    let words = ["--runtime-class", &class, "--nodes", ONE];
    let ended = verify(cluster, namespace.name(), &cluster.probe_image(), &words);
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    let uncovered = format!(
        "no probe represents pods of the RuntimeClass {class} that do not exist yet: node {ONE} has no runtime handler \
         runsc-of-nobody"
    );
    assert!(flat(&ended).contains(&uncovered), "{}", ended.out);
}

fn exhausted(cluster: &Cluster) {
    let namespace = cluster.namespace("quota");
    let mut shop = Shop::default();
    shop.others.push(json!({
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": { "name": "small" },
        "spec": { "hard": { "pods": "1" } },
    }));
    shop.open(&namespace);
    let used = || namespace.get(&["resourcequota", "small"])["status"]["used"]["pods"] == "1";
    cluster.until("the quota's count", used);
    let ended = verify(cluster, namespace.name(), &cluster.probe_image(), &[]);
    refused(&ended, &["exceeded quota: small", "used: pods=1"]);
    gone(&namespace);
}

fn no_image(cluster: &Cluster) {
    let ended = cluster.controller(&["verify", "--namespace", "default"]);
    assert_eq!(ended.code(), Some(2), "{ended:#?}");
    for command in ["controller image --push REF", "controller verify --namespace NAME --image REF"] {
        assert!(ended.err.contains(command), "{}", ended.err);
    }
}

fn unreachable(cluster: &Cluster) {
    let text = std::fs::read_to_string(cluster.kubeconfig()).unwrap();
    let mut kubeconfig: Value = serde_json::from_str(&text).unwrap();
    // Nothing listens on the reserved port 1.
    kubeconfig["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1".into();
    let file = cluster.state().join("unreachable.json");
    std::fs::write(&file, kubeconfig.to_string()).unwrap();
    let words = ["--kubeconfig", &file.display().to_string()];
    refused(
        &verify(cluster, "default", "podproof.test/nothing:1", &words),
        &["failed to reach the API server"],
    );
}

/// Asserts that nothing of any run is left.
fn gone(namespace: &Namespace<'_>) {
    let left = namespace.get(&["pods,configmaps", "--selector", "podproof.dev/run"]);
    assert_eq!(left["items"], json!([]));
}
