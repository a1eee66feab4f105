//! Both runtimes under a real kubelet.

use serde_json::Value;
use stage::{
    Cluster, Ended,
    cluster::{ONE, Shop, TWO, pod},
};

use crate::Test;

pub(super) const TESTS: &[Test] = &[
    ("a memory limit is all the memory that a gVisor sandbox has", limited),
    ("what a pod's probe gets of processor time is measured, in each runtime", measured),
    ("a node's own kernel shows which machine it is on, and gVisor's does not", told),
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

/// A quota lets no more through, however busy the machine is; less may be the others' doing, and then it is open.
fn measured(cluster: &Cluster) {
    for class in ["gvisor", "runc"] {
        let finding = |words: &[&str]| verified(cluster, class, words).finding("resource-limits");
        let with = finding(&["--measure-cpu"]);
        assert!(with.to_string().contains("threads got"), "{class}: {with:#}");
        assert_ne!(with["outcome"], "unmet", "{class}: {with:#}");
        let without = finding(&[]);
        assert!(!without.to_string().contains("threads got"), "{class}: {without:#}");
    }
}

fn told(cluster: &Cluster) {
    for (class, outcome, words) in [
        ("gvisor", "met", "/etc/hostname is the sandbox's own"),
        ("runc", "unmet", "the machine shows: /proc/cmdline"),
    ] {
        let finding = verified(cluster, class, &[]).finding("system-information-hidden");
        assert_eq!(finding["outcome"], outcome, "{class}: {finding:#}");
        assert!(finding.to_string().contains(words), "{class}: {finding:#}");
    }
}

/// A namespace in which nothing is wrong but its class.
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
