//! Running pods that are examined in place: the verdict, the workload that goes on meanwhile, and the traces.

use serde_json::{Value, json};
use stage::{
    Cluster, Ended,
    cluster::{Namespace, Shop},
};

use crate::{Test, scene::RUN};

pub(super) const TESTS: &[Test] = &[
    ("with --live a clean namespace is ready, and no pod is made or restarted", clean),
    ("with --live=all each running pod has a case of its own", all),
    ("with --live a pod of runc is unmet in its own kernel", runc),
    ("with --live a pod that is older than its policy's change is judged as it runs", outdated),
    ("plan --live prints the patch of each pod, and changes nothing", planned),
    ("a pod with too many ended probes is left alone, by name", worn),
];

const PRODUCTION: [&str; 4] = ["--environment", "production", "--settle", "0"];

/// Returns the workload's pods: their names, uids, restarts and ephemeral containers.
fn pods(namespace: &Namespace<'_>) -> Vec<(String, Value, Value, usize)> {
    let pods = namespace.get(&["pods"]);
    let pods = pods["items"].as_array().unwrap().iter();
    pods.map(|pod| {
        let restarts = pod["status"]["containerStatuses"][0]["restartCount"].clone();
        let visits = pod["spec"]["ephemeralContainers"].as_array().map_or(0, Vec::len);
        (
            pod["metadata"]["name"].as_str().unwrap().to_owned(),
            pod["metadata"]["uid"].clone(),
            restarts,
            visits,
        )
    })
    .collect()
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

fn clean(cluster: &Cluster) {
    let namespace = cluster.namespace("live");
    Shop::default().open(&namespace);
    let before = pods(&namespace);
    let ended = verified(cluster, &namespace, &["--live"]);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let after = pods(&namespace);
    let [(name, uid, restarts, _)] = before.as_slice() else { panic!("{before:?}") };
    assert_eq!(after, [(name.clone(), uid.clone(), restarts.clone(), 1)]);
    assert_eq!(restarts, 0);
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
    let mut names: Vec<_> = pods(&namespace).into_iter().map(|(name, ..)| name).collect();
    names.sort();
    assert_eq!(examined, names);
}

fn runc(cluster: &Cluster) {
    let namespace = cluster.namespace("live");
    let mut shop = Shop::default();
    shop.pod()["runtimeClassName"] = json!("runc");
    shop.open(&namespace);
    let ended = verified(cluster, &namespace, &["--live"]);
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    assert_eq!(ended.finding("runtime-isolation")["outcome"], "unmet", "{ended:#?}");
    until_ended(cluster, &namespace);
}

/// The template of a paused rollout says gVisor, and its pod runs in runc.
fn outdated(cluster: &Cluster) {
    let namespace = cluster.namespace("live");
    let mut shop = Shop::default();
    shop.pod()["runtimeClassName"] = json!("runc");
    shop.open(&namespace);
    assert!(namespace.kubectl(&["rollout", "pause", "deployment/web"]).status.success());
    let patch = json!({ "spec": { "template": { "spec": { "runtimeClassName": "gvisor" } } } });
    let patched = namespace.kubectl(&["patch", "deployment", "web", "--patch", &patch.to_string()]);
    assert!(patched.status.success(), "{patched:#?}");
    let ended = verified(cluster, &namespace, &["--live"]);
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    let report = ended.report();
    let sandboxes = report["sandboxes"].as_array().unwrap();
    let outcome = |live: bool| {
        let sandbox = sandboxes.iter().find(|it| it["subject"]["running_pod"].is_string() == live).unwrap();
        let mut findings = sandbox["findings"].as_array().unwrap().iter();
        findings.find(|it| it["id"] == "runtime-isolation").unwrap()["outcome"].clone()
    };
    assert_eq!((outcome(true), outcome(false)), (json!("unmet"), json!("met")), "{report:#}");
}

fn planned(cluster: &Cluster) {
    let namespace = cluster.namespace("live");
    Shop::default().open(&namespace);
    let image = cluster.probe_image();
    let words = ["plan", "--namespace", namespace.name(), "--image", &image, "--live"];
    let ended = cluster.controller(&words);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let [(name, .., visits)] = &pods(&namespace)[..] else { panic!("{ended:#?}") };
    assert!(
        ended.out.contains(&format!("the patch of the ephemeral containers of pod {name}")),
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
    let name = &pods(&namespace)[0].0;
    let because = second.finding("coverage")["because"].to_string();
    assert!(because.contains(&format!("pod/{name} was not examined in place")), "{because}");
    let third = verified(cluster, &namespace, &["--live", "--live-max", "2"]);
    assert_eq!(third.code(), Some(0), "{third:#?}");
}
