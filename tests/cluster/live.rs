//! Running pods that are examined in place: the verdict, the workload that goes on meanwhile, and the traces.

pub(super) mod differences;
pub(super) mod disturbances;
pub(super) mod memory;
pub(super) mod secrets;
pub(super) mod traffic;

use serde_json::{Value, json};
use stage::{
    Cluster, Ended,
    cluster::{Namespace, Shop},
    run,
};

use crate::{
    Test,
    permissions::{Gate, Granted},
    scene::{RUN, Scene},
};

pub(super) const TESTS: &[Test] = &[
    ("with --live a clean namespace is ready, and no pod is made or restarted", clean),
    ("with --live=all each running pod has a case of its own", all),
    ("--live needs the role of rbac --live, and names the permission without it", permitted),
    ("--live without the permission to exec touches no pod", silent),
    ("with --live the processes of a pod with two hundred are judged", crowded),
    (
        "with --live and --no-network nothing is attempted, and what needs attempts is inconclusive",
        |cluster| {
            without_attempts(cluster, &["--live", "--no-network"]);
        },
    ),
    ("with --no-network nothing is attempted, and what needs attempts is inconclusive", |cluster| {
        without_attempts(cluster, &["--no-network"]);
    }),
    ("two runs at once with --live examine the same pod, and both are ready", two_at_once),
    ("Pod Security that refuses a visiting probe is reported in its own words", refused),
    ("plan --live prints the patch of each pod, and changes nothing", planned),
    ("a pod with too many ended probes is left alone, by name", worn),
];

const PRODUCTION: [&str; 4] = ["--environment", "production", "--settle", "0"];

/// A pod of the workload.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Pod {
    name: String,
    uid: Value,
    /// The restarts of all its containers together.
    restarts: u64,
    /// The ephemeral containers that were ever added to the pod.
    visits: usize,
}

fn pods(namespace: &Namespace<'_>) -> Vec<Pod> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let pods = list(&namespace.get(&["pods"])["items"]).into_iter().map(|pod| {
        let restarts = list(&pod["status"]["containerStatuses"]).into_iter();
        Pod {
            name: pod["metadata"]["name"].as_str().unwrap().to_owned(),
            uid: pod["metadata"]["uid"].clone(),
            restarts: restarts.map(|status| status["restartCount"].as_u64().unwrap()).sum(),
            visits: list(&pod["spec"]["ephemeralContainers"]).len(),
        }
    });
    pods.collect()
}

/// Asserts that the pods are those from before the run and have not restarted, and that so many probes visited each.
fn unharmed(namespace: &Namespace<'_>, before: &[Pod], visits: usize) {
    let expected: Vec<_> = before.iter().map(|pod| Pod { visits, ..pod.clone() }).collect();
    assert_eq!(pods(namespace), expected);
}

fn verified(cluster: &Cluster, namespace: &Namespace<'_>, words: &[&str]) -> Ended {
    let control = cluster.namespace("control");
    cluster.verify(namespace, &control, &[&PRODUCTION, words].concat())
}

/// Waits until every probe in the namespace's pods has ended.
fn until_ended(cluster: &Cluster, namespace: &Namespace<'_>) {
    cluster.until("the end of the visiting probes", || {
        let pods = namespace.get(&["pods"]);
        let pods = pods["items"].as_array().unwrap();
        let statuses = pods
            .iter()
            .flat_map(|pod| pod["status"]["ephemeralContainerStatuses"].as_array().into_iter().flatten());
        statuses.into_iter().all(|status| status["state"]["terminated"].is_object())
    });
}

/// Waits until a probe runs in the scene's pod; returns the pod's name.
fn until_visited(cluster: &Cluster, scene: &Scene<'_>) -> String {
    cluster.until("a visiting probe", || {
        let pods = scene.shop.get(&["pods"]);
        pods["items"][0]["status"]["ephemeralContainerStatuses"][0]["state"]["running"].is_object()
    });
    pods(&scene.shop).remove(0).name
}

fn clean(cluster: &Cluster) {
    let namespace = cluster.namespace("live");
    Shop::default().open(&namespace);
    let before = pods(&namespace);
    let ended = verified(cluster, &namespace, &["--live"]);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    unharmed(&namespace, &before, 1);
    let [Pod { name, restarts: 0, .. }] = before.as_slice() else { panic!("{before:?}") };
    let report = ended.report();
    assert_eq!(report["sandboxes"][0]["subject"]["running_pod"], json!(name), "{report:#}");
    assert!(report["notes"].to_string().contains(&format!("examined in place: pod/{name};")), "{report:#}");
    until_ended(cluster, &namespace);
    let made = namespace.get(&["configmaps,pods", "--selector", RUN]);
    assert_eq!(made["items"], json!([]));
}

fn all(cluster: &Cluster) {
    let namespace = cluster.namespace("live");
    let mut shop = Shop::default();
    shop.deployments[0]["spec"]["replicas"] = json!(3);
    shop.open(&namespace);
    let ended = verified(cluster, &namespace, &["--live=all"]);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let report = ended.report();
    let mut examined: Vec<_> = report["sandboxes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sandbox| sandbox["subject"]["running_pod"].as_str().unwrap().to_owned())
        .collect();
    examined.sort();
    let mut names: Vec<_> = pods(&namespace).into_iter().map(|pod| pod.name).collect();
    names.sort();
    assert_eq!(examined, names);
}

fn planned(cluster: &Cluster) {
    let namespace = cluster.namespace("live");
    Shop::default().open(&namespace);
    let image = cluster.probe_image();
    let words = ["plan", "--namespace", namespace.name(), "--image", &image, "--live"];
    let ended = cluster.controller(&words);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let [Pod { name, visits, .. }] = &pods(&namespace)[..] else { panic!("{ended:#?}") };
    assert!(
        ended.out.contains(&format!("a patch of the ephemeral containers of pod {name}")),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("ephemeralContainers:"), "{}", ended.out);
    assert_eq!(*visits, 0);
}

fn worn(cluster: &Cluster) {
    let namespace = cluster.namespace("live");
    Shop::default().open(&namespace);
    let first = verified(cluster, &namespace, &["--live", "--live-max", "1"]);
    assert_eq!(first.code(), Some(0), "{first:#?}");
    let second = verified(cluster, &namespace, &["--live", "--live-max", "1"]);
    assert_eq!(second.code(), Some(3), "{second:#?}");
    let name = &pods(&namespace)[0].name;
    let because = second.finding("coverage")["because"].to_string();
    assert!(because.contains(&format!("pod/{name} was not examined in place")), "{because}");
    let third = verified(cluster, &namespace, &["--live", "--live-max", "2"]);
    assert_eq!(third.code(), Some(0), "{third:#?}");
}

fn permitted(cluster: &Cluster) {
    let gate = Gate::open(cluster);
    let granted = Granted::all(cluster, "live", &gate.roles("live", &["--live"]));
    // Only an account that may ask the kubelets knows how much memory is left.
    let before = pods(&gate.shop);
    let ended = gate.verify("live", &["--live", "--settle", "0"]);
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    let because = ended.finding("coverage")["because"].to_string();
    assert!(because.contains("nodes/proxy") && because.contains("`--live-unmeasured`"), "{because}");
    unharmed(&gate.shop, &before, 0);
    let ended = gate.verify("live", &["--live", "--live-unmeasured", "--settle", "0"]);
    // Without the objects of the whole cluster some requirements are inconclusive.
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    assert!(ended.report()["sandboxes"][0]["subject"]["running_pod"].is_string(), "{ended:#?}");
    assert_eq!(ended.finding("runtime-isolation")["outcome"], "met", "{ended:#?}");
    assert!(ended.report()["notes"].to_string().contains("nodes/proxy"), "{ended:#?}");

    drop(granted);
    let role = format!("{}-live-podproof", gate.shop.name());
    cluster.until("the end of the role", || !gate.shop.kubectl(&["get", "role", &role]).status.success());
    let _less = Granted::all(cluster, "less", &gate.roles("less", &[]));
    let ended = gate.verify("less", &["--live", "--live-unmeasured", "--settle", "0"]);
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert!(ended.err.contains("pods/ephemeralcontainers"), "{}", ended.err);
}

/// Processes that are alike are counted, so that their number has no bound that a pod comes near.
fn crowded(cluster: &Cluster) {
    const CROWD: &str = "i=0; while [ $i -lt 200 ]; do i=$((i+1)); sleep 600 & done; wait";
    let namespace = cluster.namespace("live");
    let mut shop = Shop::default();
    let container = shop.container();
    container["command"] = json!(["/bin/sh", "-c", CROWD]);
    container["resources"]["limits"] = json!({ "memory": "256Mi", "cpu": "1" });
    shop.open(&namespace);
    let ended = verified(cluster, &namespace, &["--live"]);
    assert_eq!(ended.finding("least-privilege")["outcome"], "met", "{ended:#?}");
    let citations = ended.finding("least-privilege").to_string();
    let count = citations.split("no privilege in ").nth(1).and_then(|rest| rest.split(' ').next());
    let count: u64 = count.unwrap().parse().unwrap();
    assert!((200..=210).contains(&count), "{citations}");
}

fn without_attempts(cluster: &Cluster, words: &[&str]) {
    let namespace = cluster.namespace("live");
    Shop::default().open(&namespace);
    let image = cluster.probe_image();
    let own = ["verify", "--namespace", namespace.name(), "--image", &image, "--output", "json", "--quiet"];
    let ended = cluster.controller(&[&own[..], &PRODUCTION[..2], words].concat());
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    let expected = words.contains(&"--live");
    let sandbox = &ended.report()["sandboxes"][0];
    assert_eq!(sandbox["subject"]["running_pod"].is_string(), expected, "{sandbox:#}");
    assert_eq!(ended.finding("runtime-isolation")["outcome"], "met", "{ended:#?}");
    for id in ["network-isolation", "metadata-blocked", "ingress-closed"] {
        let finding = ended.finding(id);
        assert_eq!(finding["outcome"], "inconclusive", "{finding:#}");
        assert!(finding["because"].to_string().contains("--no-network"), "{finding:#}");
    }
    let attempts = &ended.finding("network-isolation")["citations"];
    assert!(!attempts.to_string().contains("reached"), "{attempts:#}");
}

fn two_at_once(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let before = pods(&scene.shop);
    let runs = [(), ()].map(|()| scene.start(&["--live", "--settle", "0"]));
    for ended in runs.map(run::ended) {
        assert_eq!(ended.finding("ingress-closed")["outcome"], "met", "{ended:#?}");
        assert_eq!(ended.code(), Some(0), "{ended:#?}");
    }
    unharmed(&scene.shop, &before, 2);
    until_ended(cluster, &scene.shop);
}

fn refused(cluster: &Cluster) {
    let namespace = cluster.namespace("live");
    let mut shop = Shop { restricted: false, ..Shop::default() };
    shop.pod()["securityContext"] = json!({ "runAsUser": 0 });
    shop.open(&namespace);
    let label = "pod-security.kubernetes.io/enforce=restricted";
    assert!(namespace.kubectl(&["label", "namespace", namespace.name(), label]).status.success());
    let ended = verified(cluster, &namespace, &["--live", "--live-uid"]);
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert!(ended.err.contains("violates PodSecurity"), "{}", ended.err);
    assert_eq!(pods(&namespace)[0].visits, 0);
}

/// The permission is asked for before anything is added to a pod.
fn silent(cluster: &Cluster) {
    let gate = Gate::open(cluster);
    let mut roles = gate.roles("silent", &["--live"]);
    for rules in roles.iter_mut().filter_map(|role| role.get_mut("rules")?.as_array_mut()) {
        rules.retain(|rule| rule["resources"][0] != "pods/exec");
    }
    let _granted = Granted::all(cluster, "silent", &roles);
    let before = pods(&gate.shop);
    let ended = gate.verify("silent", &["--live", "--live-unmeasured", "--settle", "0"]);
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert!(ended.err.contains("pods/exec"), "{}", ended.err);
    unharmed(&gate.shop, &before, 0);
}
