//! Both runtimes under a real kubelet.

use serde_json::Value;
use stage::{
    Cluster, Ended,
    cluster::{ONE, Shop, TWO, pod},
};

use crate::Test;

pub(super) const TESTS: &[Test] = &[
    ("a memory limit is all the memory that a gVisor sandbox has", limited),
    ("processor time is measured only where it is asked for, under gVisor", |cluster| {
        measured(cluster, "gvisor");
    }),
    ("processor time is measured only where it is asked for, under runc", |cluster| {
        measured(cluster, "runc");
    }),
    ("gVisor's kernel hides which machine it is on", hidden),
    ("a node's own kernel shows which machine it is on", shown),
    ("exec carries bytes into a pod and out of it, in each runtime and on each node", carried),
];

fn limited(cluster: &Cluster) {
    let namespace = cluster.namespace("runtimes");
    namespace.run(&[pod("sandbox", "gvisor", ONE, None), pod("container", "runc", ONE, None)]);
    let total = |pod| {
        let text = namespace.exec(pod, &["cat", "/proc/meminfo"]).out;
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
        line.trim().to_owned()
    };
    assert_eq!(total("sandbox"), format!("{} kB", 256 << 10));
    assert_ne!(total("container"), total("sandbox"));
}

/// A quota lets no more through, however busy the machine is. Less may be the doing of others, and is inconclusive.
fn measured(cluster: &Cluster, class: &str) {
    let finding = |words: &[&str]| verified(cluster, class, words).finding("resource-limits");
    let with = finding(&["--measure-cpu"]);
    assert!(with.to_string().contains("threads got"), "{with:#}");
    assert_ne!(with["outcome"], "unmet", "{with:#}");
    let without = finding(&[]);
    assert!(!without.to_string().contains("threads got"), "{without:#}");
}

fn hidden(cluster: &Cluster) {
    told(cluster, "gvisor", "met", "/etc/hostname is the sandbox's own");
}

fn shown(cluster: &Cluster) {
    told(cluster, "runc", "unmet", "the sandbox shows data of the machine: /proc/cmdline");
}

fn told(cluster: &Cluster, class: &str, outcome: &str, words: &str) {
    let finding = verified(cluster, class, &[]).finding("system-information-hidden");
    assert_eq!(finding["outcome"], outcome, "{finding:#}");
    assert!(finding.to_string().contains(words), "{finding:#}");
}

/// Verifies a namespace in which nothing but the RuntimeClass may be wrong.
fn verified(cluster: &Cluster, class: &str, words: &[&str]) -> Ended {
    cluster.probe_image();
    let (control, namespace) = (cluster.namespace("control"), cluster.namespace("runtimes"));
    let mut shop = Shop::default();
    shop.pod()["runtimeClassName"] = class.into();
    shop.open(&namespace);
    cluster.verify(&namespace, &control, words)
}

fn carried(cluster: &Cluster) {
    let namespace = cluster.namespace("runtimes");
    let pods = [("gvisor", ONE), ("runc", ONE), ("gvisor", TWO), ("runc", TWO)];
    let name = |(runtime, node)| format!("{runtime}-{node}");
    let objects: Vec<Value> = pods.iter().map(|place| pod(&name(*place), place.0, place.1, None)).collect();
    namespace.run(&objects);
    let text = "every byte\n".repeat(100_000);
    for place in pods {
        let words = ["--namespace", namespace.name(), "exec", "--stdin", &name(place), "--", "cat"];
        let back = cluster.feed(&words, &text);
        assert!(back == text, "{} of {} bytes came back from {place:?}", back.len(), text.len());
        assert_eq!(namespace.exec(&name(place), &["false"]).code(), Some(1), "{place:?}");
    }
}
