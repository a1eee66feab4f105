//! The world outside of the cluster: hosts in it can be imitated, and there is nothing behind it.

use std::process::{Child, Stdio};

use stage::{
    Cluster,
    cluster::{ONE, TWO, pod},
};

use crate::Test;

pub(super) const TESTS: &[Test] =
    &[("pods on both nodes reach an imitated metadata service, and no host that nobody imitates", imitated)];

/// Where the machines of clouds ask for credentials.
const METADATA: &str = "169.254.169.254";
/// Reserved for documentation by RFC 5737.
const NOBODY: &str = "192.0.2.1";

/// A listener that ends with its test.
struct Listener(Child);

impl Drop for Listener {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn imitated(cluster: &Cluster) {
    let namespace = cluster.namespace("outside");
    namespace.run(&[pod(ONE, "gvisor", ONE, None), pod(TWO, "runc", TWO, None)]);
    cluster.outside().sh(&format!("ip address replace {METADATA}/32 dev wire"));
    let mut server = cluster.outside().beside("busybox");
    server.args(["nc", "-ll", "-p", "80", "-e", "/bin/echo", "credentials"]);
    let _listener = Listener(server.stdin(Stdio::null()).spawn().unwrap());
    let reach = |pod: &str, host: &str| namespace.exec(pod, &["nc", "-w", "2", host, "80"]).out;
    for node in [ONE, TWO] {
        cluster.until("the metadata service", || reach(node, METADATA) == "credentials\n");
        assert_eq!(reach(node, NOBODY), "");
    }
}
