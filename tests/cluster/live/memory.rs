//! A pod near its memory limit: a visit could end it, so that no probe comes near it.

use serde_json::{Value, json};
use stage::{
    Cluster,
    cluster::{ONE, Shop},
};

use super::{pods, unharmed, verified};
use crate::Test;

pub(crate) const TESTS: &[Test] =
    &[("with --live a pod near its memory limit is left alone, by name", nearly_full)];

/// The sandbox itself takes about 23 MiB of the limit.
const LIMIT: &str = "128Mi";
const FILL: &str = "busybox dd if=/dev/zero of=/data/full bs=1M count=92; exec sleep 600";
/// Less than a visit may take.
const LITTLE: u64 = 20 << 20;

fn nearly_full(cluster: &Cluster) {
    let namespace = cluster.namespace("live");
    let mut shop = Shop::default();
    let container = shop.container();
    container["command"] = json!(["/bin/sh", "-c", FILL]);
    container["resources"]["limits"]["memory"] = json!(LIMIT);
    container["volumeMounts"] = json!([{ "name": "data", "mountPath": "/data" }]);
    shop.pod()["volumes"] =
        json!([{ "name": "data", "emptyDir": { "medium": "Memory", "sizeLimit": "100Mi" } }]);
    shop.open(&namespace);
    let before = pods(&namespace);
    cluster.until("a pod with little memory left", || {
        left(cluster, namespace.name()).is_some_and(|left| left < LITTLE)
    });
    let ended = verified(cluster, &namespace, &["--live"]);
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
    let because = ended.finding("coverage")["because"].to_string();
    let named = format!("pod/{} was not examined in place", before[0].name);
    assert!(because.contains(&named) && because.contains("MiB of memory are left"), "{because}");
    unharmed(&namespace, &before, 0);
}

/// Returns the memory that is left to the namespace's pod, as its kubelet tells it some seconds later.
fn left(cluster: &Cluster, namespace: &str) -> Option<u64> {
    let path = format!("/api/v1/nodes/{ONE}/proxy/stats/summary?only_cpu_and_memory=true");
    let told: Value = serde_json::from_str(&cluster.ask(&["get", "--raw", &path])).unwrap();
    let pod = told["pods"].as_array()?.iter().find(|pod| pod["podRef"]["namespace"] == namespace)?;
    pod["memory"]["availableBytes"].as_u64()
}
