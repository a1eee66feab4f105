//! Nodes that get a probe, and nodes without a probe: the report names each of them.

use std::{collections::BTreeSet, fs, thread};

use serde_json::{Value, json};
use stage::{
    Cluster,
    cluster::{Namespace, ONE, Shop, TWO, pod},
    run,
};

use crate::{Test, scene::Scene};

pub(super) const TESTS: &[Test] = &[
    ("with --nodes all each node has a case of its own in the saved evidence", saved),
    ("a cordoned pool is named, and not as an unused pool", cordoned),
    ("a probe of pods that keep each other apart runs beside one of them", apart),
    ("a probe whose node is full runs on a free node of the same pool and kind", full),
    ("a node that differs from the others of its pool gets a probe of its own", upgraded),
    ("a pool at zero nodes is probed once a pod asked for a node", grown),
];

/// A label that no node has at first.
const GROWN: &str = "podproof.test/grown";
const PRODUCTION: &[&str] = &["--environment", "production"];
/// A label that puts both nodes into one pool.
const POOL: &str = "podproof.test/pool";

/// Makes pods that any node can run.
fn anywhere(namespace: &Namespace<'_>) {
    let mut shop = Shop::default();
    shop.pod().as_object_mut().unwrap().remove("nodeSelector");
    shop.open(namespace);
}

/// Takes the label from the node again, whatever happens.
struct Labelled<'a>(&'a Cluster);

impl Drop for Labelled<'_> {
    fn drop(&mut self) {
        _ = self.0.kubectl(&["label", "node", ONE, &format!("{GROWN}-")]);
    }
}

fn grown(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("grown"), cluster.namespace("control"));
    let mut world = Shop::default();
    world.deployments[0]["spec"]["replicas"] = json!(0);
    world.pod()["nodeSelector"][GROWN] = json!("yes");
    world.open(&shop);
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    assert!(ended.finding("coverage")["because"].to_string().contains("--wait-for-nodes TIME"), "{ended:#?}");

    let image = cluster.probe_image();
    let words = ["plan", "--namespace", shop.name(), "--image", &image, "--wait-for-nodes", "90s"];
    let planned = cluster.controller(&words);
    assert_eq!(planned.code(), Some(3), "{planned:#?}");
    assert!(planned.out.contains("# asks for a node, for which the run waits up to 1m 30s"), "{planned:#?}");
    assert!(
        planned.out.contains(": like deployment/web\n# the cluster would admit this pod"),
        "{planned:#?}"
    );

    let words = [PRODUCTION, &["--wait-for-nodes", "90s"]].concat();
    let _labelled = Labelled(cluster);
    let ended = thread::scope(|scope| {
        let run = scope.spawn(|| cluster.verify(&shop, &control, &words));
        cluster.until("a pod that asks for a node", || {
            let pods = shop.get(&["pods", "--selector", "podproof.dev/run"]);
            pods["items"].as_array().is_some_and(|pods| !pods.is_empty())
        });
        // Now the autoscaler's node comes.
        let labelled = cluster.kubectl(&["label", "node", ONE, &format!("{GROWN}=yes")]);
        assert!(labelled.status.success(), "{labelled:#?}");
        run.join().unwrap()
    });
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    assert!(ended.report()["notes"].to_string().contains("came when a pod asked for it"), "{ended:#?}");
    let left = shop.get(&["pods", "--selector", "podproof.dev/run"]);
    assert_eq!(left["items"], json!([]));
}

fn saved(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("reviewed"), cluster.namespace("control"));
    anywhere(&shop);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evidence.json");
    let words = ["--nodes", "all", "--save-evidence", &file.display().to_string()];
    let ended = cluster.verify(&shop, &control, &[PRODUCTION, &words].concat());
    // On node two, policies are only declared.
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    let cases = run::saved_cases(&fs::read(&file).unwrap());
    let nodes: Vec<_> =
        cases.iter().map(|case| case["survey"]["subject"]["node"].as_str().unwrap()).collect();
    assert_eq!(nodes.len(), 2, "{nodes:?}");
    assert_eq!(BTreeSet::from_iter(nodes), BTreeSet::from([ONE, TWO]));
    for case in cases {
        assert!(case["collected"]["introduction"].is_object(), "{case:#}");
    }
}

/// Lets pods onto node two again, whatever happens.
struct Cordoned<'a>(&'a Cluster);

impl Drop for Cordoned<'_> {
    fn drop(&mut self) {
        _ = self.0.kubectl(&["uncordon", TWO]);
    }
}

fn cordoned(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("cordoned"), cluster.namespace("control"));
    let _cordoned = Cordoned(cluster);
    cluster.ask(&["cordon", TWO]);
    anywhere(&shop);
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    let because = ended.finding("coverage")["because"].to_string();
    let named = format!("deployment/web: no node of the pool plain is ready for a probe: {TWO} is cordoned");
    assert!(because.contains(&named), "{because}");
    assert!(!ended.out.contains("no pod of the namespace can run there"), "{}", ended.out);
}

/// Takes the label from both nodes, whatever happens.
struct Pooled<'a>(&'a Cluster);

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        self.0.node(TWO).kubelet().thaw();
        _ = self.0.kubectl(&["label", "node", ONE, TWO, &format!("{POOL}-")]);
    }
}

fn upgraded(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let mut shop = Shop { others: Vec::new(), ..Shop::default() };
    shop.pod().as_object_mut().unwrap().remove("nodeSelector");
    shop.open(&scene.shop);
    let _pooled = Pooled(cluster);
    cluster.ask(&["label", "node", ONE, TWO, &format!("{POOL}=both")]);
    let words = ["--pool-label", POOL];

    let alike = run::ended(scene.start(&words));
    assert!(probed(&alike).iter().all(|(_, kind)| kind.is_null()), "{alike:#?}");

    // A running kubelet would at once restore its own description of the node.
    cluster.node(TWO).kubelet().freeze();
    let upgraded = r#"{"status":{"nodeInfo":{"osImage":"Podproof 2"}}}"#;
    cluster.ask(&["patch", "node", TWO, "--subresource=status", "--type=merge", "--patch", upgraded]);
    let mut changes = scene.changes();
    let run = scene.start(&words);
    changes.until("Pending");
    cluster.node(TWO).kubelet().thaw();
    let ended = run::ended(run);
    let probed = probed(&ended);
    let two = probed.iter().find(|(node, _)| node == TWO).unwrap_or_else(|| panic!("{ended:#?}"));
    assert!(two.1.as_str().is_some_and(|kind| kind.contains("Podproof 2")), "{probed:?}");
    assert!(probed.iter().any(|(node, kind)| node == ONE && kind.is_string()), "{probed:?}");
    assert_eq!(ended.code(), Some(1), "node two enforces nothing: {ended:#?}");
}

fn apart(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("apart"), cluster.namespace("control"));
    let mut world = Shop::default();
    let term = json!({
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": { "matchLabels": { "app": "web" } },
    });
    world.pod()["affinity"] =
        json!({ "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [term] } });
    world.open(&shop);
    let ended = cluster.verify(&shop, &control, PRODUCTION);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let notes = ended.report()["notes"].to_string();
    assert!(notes.contains("a required anti-affinity of the workload"), "{notes}");
}

fn full(cluster: &Cluster) {
    let scene = Scene::open(cluster);
    let mut shop = Shop { others: Vec::new(), ..Shop::default() };
    shop.pod().as_object_mut().unwrap().remove("nodeSelector");
    shop.open(&scene.shop);
    let _pooled = Pooled(cluster);
    cluster.ask(&["label", "node", ONE, TWO, &format!("{POOL}=both")]);
    let planned = node_of_the_pod(cluster, &scene.shop);
    until_open(cluster, &planned);
    let other = if planned == ONE { TWO } else { ONE };
    let filler = cluster.namespace("filler");
    let mut heavy = pod("heavy", "runc", &planned, None);
    let rest = format!("{}m", free_millis(cluster, &planned) - 5);
    heavy["spec"]["containers"][0]["resources"] = json!({ "requests": { "cpu": rest } });
    filler.run(&[heavy]);
    let ended = run::ended(scene.start(&["--pool-label", POOL]));
    assert_eq!(probed(&ended), [(other.to_owned(), Value::Null)], "{ended:#?}");
    let notes = ended.report()["notes"].to_string();
    assert!(notes.contains(&format!("node {planned} had no room for the probe")), "{notes}");
}

/// Returns the node of the only pod, as soon as the pod of the former template is gone.
fn node_of_the_pod(cluster: &Cluster, shop: &Namespace<'_>) -> String {
    let rolled = shop.kubectl(&["rollout", "status", "--timeout=120s", "deployment/web"]);
    assert!(rolled.status.success(), "{rolled:#?}");
    let mut node = None;
    cluster.until("one pod", || {
        let pods = shop.get(&["pods"]);
        let mut nodes = pods["items"].as_array().unwrap().iter().map(|it| it["spec"]["nodeName"].as_str());
        node = nodes.next().flatten().map(str::to_owned);
        node.is_some() && nodes.next().is_none()
    });
    node.unwrap()
}

/// Waits until a node has no hindrance. A busy machine delays its kubelet.
fn until_open(cluster: &Cluster, node: &str) {
    cluster.until("a node without a hindrance", || {
        let node = cluster.get(&["node", node]);
        let mut conditions = node["status"]["conditions"].as_array().unwrap().iter();
        let ready = conditions.any(|it| it["type"] == "Ready" && it["status"] == "True");
        ready && node["spec"].get("taints").is_none() && node["spec"].get("unschedulable").is_none()
    });
}

/// Returns the processor time of a node that no pod requests, in thousandths of a processor.
fn free_millis(cluster: &Cluster, node: &str) -> u64 {
    let millis = |amount: &Value| match amount.as_str() {
        Some(text) => text
            .strip_suffix('m')
            .map_or_else(|| text.parse::<u64>().unwrap() * 1000, |text| text.parse().unwrap()),
        None => 0,
    };
    let all =
        cluster.get(&["pods", "--all-namespaces", "--field-selector", &format!("spec.nodeName={node}")]);
    let requested = all["items"].as_array().unwrap().iter().map(|pod| {
        let containers = pod["spec"]["containers"].as_array().unwrap().iter();
        let requests = containers.map(|it| millis(&it["resources"]["requests"]["cpu"]));
        requests.sum::<u64>() + millis(&pod["spec"]["overhead"]["cpu"])
    });
    millis(&cluster.get(&["node", node])["status"]["allocatable"]["cpu"]) - requested.sum::<u64>()
}

/// Returns the node of each probe, and its kind.
fn probed(ended: &stage::Ended) -> Vec<(String, Value)> {
    let report = ended.report();
    let sandboxes = report["sandboxes"].as_array().unwrap().iter();
    let place =
        |subject: &Value| (subject["node"].as_str().unwrap().to_owned(), subject["node_kind"].clone());
    sandboxes.map(|sandbox| place(&sandbox["subject"])).collect()
}
