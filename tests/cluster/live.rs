//! Running pods that are examined in place: the verdict, the workload that goes on meanwhile, and the traces.

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use stage::{
    Cluster, Ended,
    cluster::{Namespace, Shop},
    run,
};

use crate::{
    Test,
    permissions::{Gate, Granted},
    scene::{RUN, Scene, send},
};

pub(super) const TESTS: &[Test] = &[
    ("with --live a clean namespace is ready, and no pod is made or restarted", clean),
    ("with --live=all each running pod has a case of its own", all),
    ("with --live a pod of runc is unmet in its own kernel", runc),
    ("with --live a pod of runc under a template of gVisor is unmet, and the template met", outdated),
    ("with --live a running pod's path of the node is unmet", |cluster| {
        faulty(cluster, "filesystem-isolation", |pod| {
            pod["volumes"] = json!([{ "name": "node", "hostPath": { "path": "/etc" } }]);
            pod["containers"][0]["volumeMounts"] =
                json!([{ "name": "node", "mountPath": "/node", "readOnly": true }]);
        });
    }),
    ("with --live a running pod's root user is unmet", |cluster| {
        faulty(cluster, "least-privilege", |pod| pod["securityContext"] = json!({ "runAsUser": 0 }));
    }),
    ("with --live a privileged second container of a running pod is unmet", |cluster| {
        faulty(cluster, "least-privilege", |pod| {
            let mut second = pod["containers"][0].clone();
            second["name"] = json!("second");
            second["securityContext"] = json!({ "privileged": true });
            pod["containers"].as_array_mut().unwrap().push(second);
        });
    }),
    ("--live needs the role of rbac --live, and names the permission without it", permitted),
    ("two runs at once with --live examine the same pod", two_at_once),
    ("a pod that dies while it is examined is never ready", died),
    ("Pod Security that refuses a visiting probe is reported in its own words", refused),
    ("an interrupted visit ends the probe in the pod", interrupted),
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

/// Judges a pod whose template, in a paused rollout, has a fault no more.
fn repaired(cluster: &Cluster, fault: fn(&mut Value)) -> Ended {
    let namespace = cluster.namespace("live");
    let mut shop = Shop { restricted: false, ..Shop::default() };
    let mut clean = shop.deployments[0].clone();
    fault(shop.pod());
    shop.open(&namespace);
    assert!(namespace.kubectl(&["rollout", "pause", "deployment/web"]).status.success());
    clean["spec"]["paused"] = json!(true);
    namespace.apply(&clean);
    let ended = verified(cluster, &namespace, &["--live"]);
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    ended
}

/// The template is bound like the running pod, which represents it.
fn faulty(cluster: &Cluster, id: &str, fault: fn(&mut Value)) {
    let ended = repaired(cluster, fault);
    let finding = ended.finding(id);
    assert_eq!(finding["outcome"], "unmet", "{finding:#}");
    let report = ended.report();
    let sandboxes = report["sandboxes"].as_array().unwrap();
    assert!(sandboxes.iter().all(|it| it["subject"]["running_pod"].is_string()), "{report:#}");
}

/// The template names another RuntimeClass than the running pod, so that a probe pod represents it.
fn outdated(cluster: &Cluster) {
    let ended = repaired(cluster, |pod| pod["runtimeClassName"] = json!("runc"));
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
    let name = &pods(&namespace)[0].0;
    let because = second.finding("coverage")["because"].to_string();
    assert!(because.contains(&format!("pod/{name} was not examined in place")), "{because}");
    let third = verified(cluster, &namespace, &["--live", "--live-max", "2"]);
    assert_eq!(third.code(), Some(0), "{third:#?}");
}

fn permitted(cluster: &Cluster) {
    let gate = Gate::open(cluster);
    let granted = Granted::all(cluster, "live", &gate.roles("live", &["--live"]));
    let ended = gate.verify("live", &["--live", "--settle", "0"]);
    // Without the objects of the whole cluster some requirements are inconclusive.
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    assert!(ended.report()["sandboxes"][0]["subject"]["running_pod"].is_string(), "{ended:#?}");
    assert_eq!(ended.finding("runtime-isolation")["outcome"], "met", "{ended:#?}");

    drop(granted);
    cluster
        .until("the end of the role", || !gate.shop.kubectl(&["get", "role", "podproof"]).status.success());
    let _less = Granted::all(cluster, "less", &gate.roles("less", &[]));
    let ended = gate.verify("less", &["--live", "--settle", "0"]);
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert!(ended.err.contains("pods/ephemeralcontainers"), "{}", ended.err);
}

fn two_at_once(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let runs = [(), ()].map(|()| scene.start(&["--live", "--settle", "0"]));
    for ended in runs.map(run::ended) {
        // Both probes listen on one port of the pod, so that only one of them can.
        let is_whole = ended.code() == Some(0);
        let is_open = ended.finding("ingress-closed")["outcome"] == "inconclusive";
        assert!(is_whole || (is_open && ended.code() == Some(3)), "{ended:#?}");
    }
    let [(.., restarts, visits)] = &pods(&scene.shop)[..] else { panic!("the pod was replaced") };
    assert_eq!((restarts, *visits), (&json!(0), 2));
    until_ended(cluster, &scene.shop);
}

/// Waits until a probe runs in the scene's pod; returns the pod's name.
fn until_visited(cluster: &Cluster, scene: &Scene<'_>) -> String {
    cluster.until("a visiting probe", || {
        let pods = scene.shop.get(&["pods"]);
        pods["items"][0]["status"]["ephemeralContainerStatuses"][0]["state"]["running"].is_object()
    });
    pods(&scene.shop).remove(0).0
}

fn died(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let run = scene.start(&["--live", "--settle", "20s"]);
    let pod = until_visited(cluster, &scene);
    assert!(scene.shop.kubectl(&["delete", "pod", &pod, "--wait=false"]).status.success());
    let ended = run::ended(run);
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    let pods = pods(&scene.shop);
    assert!(pods.iter().all(|(name, .., visits)| *name == pod || *visits == 0), "{pods:?}");
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
    assert_eq!(pods(&namespace)[0].3, 0);
}

fn interrupted(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let run = scene.start(&["--live", "--settle", "20s"]);
    until_visited(cluster, &scene);
    send(Signal::SIGINT, &run);
    let ended = run::ended(run);
    assert_eq!(ended.code(), Some(130), "{ended:#?}");
    until_ended(cluster, &scene.shop);
    assert_eq!(pods(&scene.shop)[0].2, 0);
}
