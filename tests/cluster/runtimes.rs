//! Both runtimes under a real kubelet.

use serde_json::Value;
use stage::{
    Cluster,
    cluster::{ONE, TWO, pod},
};

use crate::Test;

pub(super) const TESTS: &[Test] = &[
    ("a memory limit is all the memory that a gVisor sandbox has", limited),
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
