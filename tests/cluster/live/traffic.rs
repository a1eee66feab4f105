//! The workload's traffic while probes visit its pods.

use serde_json::json;
use stage::{
    Cluster,
    cluster::{Namespace, ONE, Shop, pod},
};

use super::{pods, unharmed, verified};
use crate::Test;

pub(crate) const TESTS: &[Test] =
    &[("with --live the traffic of a pod goes on, and its processes live on", traffic)];

/// The workload serves a folder, and counts in it.
const SERVE: &str = "busybox httpd -p 8080 -h /data; i=0; \
                     while :; do i=$((i+1)); echo $i >/data/next; busybox mv /data/next /data/count; sleep 0.2; done";
/// Asks about a hundred times a second until it is told to stop, at most for some minutes. The static busybox cannot run its own
/// `wget`, which looks names up.
const ASK: &str = "ask() { printf 'GET /count HTTP/1.0\\r\\n\\r\\n' | nc -w 3 SERVER 8080 >/dev/shm/next; \
                           grep -q '200 OK' /dev/shm/next && busybox mv /dev/shm/next /dev/shm/answer; }; \
                   until ask; do sleep 0.1; done; asked=0; failed=0; \
                   while [ ! -e /dev/shm/stop ] && [ $asked -lt 20000 ]; do \
                       ask || failed=$((failed+1)); asked=$((asked+1)); sleep 0.004; \
                   done; echo \"$asked $failed\" >/dev/shm/told; sleep 600";

fn traffic(cluster: &Cluster) {
    let (namespace, clients) = (cluster.namespace("live"), cluster.namespace("clients"));
    serving(&clients).open(&namespace);
    let service = namespace.get(&["service", "web"])["spec"]["clusterIP"].as_str().unwrap().to_owned();
    clients.run(&[pod("client", "runc", ONE, Some(&ASK.replace("SERVER", &service)))]);
    let count = || {
        let answer = clients.exec("client", &["cat", "/dev/shm/answer"]).out;
        answer.lines().last().and_then(|line| line.parse::<u64>().ok()).unwrap_or(0)
    };
    cluster.until("an answer", || count() > 0);
    let before = (pods(&namespace), processes(&namespace), count());
    let policy = cluster.state().join("traffic.toml");
    std::fs::write(&policy, "ingress = [\"deployment/web\"]\n").unwrap();
    let ended = verified(cluster, &namespace, &["--live", "--policy", &policy.display().to_string()]);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    unharmed(&namespace, &before.0, 1);
    assert_eq!(processes(&namespace), before.1);
    assert!(clients.exec("client", &["busybox", "touch", "/dev/shm/stop"]).status.success());
    let told = || clients.exec("client", &["cat", "/dev/shm/told"]).out;
    cluster.until("the client's count", || !told().is_empty());
    let told = told();
    let numbers: Vec<u64> = told.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let [asked, failed] = numbers[..] else { panic!("{told}") };
    assert!(asked > 100 && failed == 0, "asked {asked} times, without an answer {failed} times");
    assert!(count() > before.2, "the workload began to count again");
}

/// Returns a workload behind a Service, which clients of another namespace may reach.
fn serving(clients: &Namespace<'_>) -> Shop {
    let mut shop = Shop::default();
    let container = shop.container();
    container["command"] = json!(["/bin/sh", "-c", SERVE]);
    container["ports"] = json!([{ "containerPort": 8080 }]);
    container["resources"]["limits"] = json!({ "memory": "128Mi", "cpu": "1" });
    container["volumeMounts"] = json!([{ "name": "data", "mountPath": "/data" }]);
    shop.pod()["volumes"] = json!([{ "name": "data", "emptyDir": { "sizeLimit": "8Mi" } }]);
    let from =
        json!({ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": clients.name() } } });
    let rule = json!([{ "from": [from], "ports": [{ "port": 8080 }] }]);
    shop.policy("front", &json!({ "podSelector": {}, "policyTypes": ["Ingress"], "ingress": rule }));
    shop.others.push(json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": "web" },
        "spec": { "selector": { "app": "web" }, "ports": [{ "port": 8080 }] },
    }));
    shop
}

/// Returns the start times of the workload's own two processes.
fn processes(namespace: &Namespace<'_>) -> Vec<String> {
    let name = &pods(namespace)[0].name;
    let started = namespace.exec(name, &["sh", "-c", "cat /proc/1/stat; busybox pidof httpd"]).out;
    let fields: Vec<_> = started.split_whitespace().map(str::to_owned).collect();
    vec![fields[21].clone(), fields.last().unwrap().clone()]
}
