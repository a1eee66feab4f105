//! Network policies: enforced on one node, declared on the other.

use serde_json::json;
use stage::{
    Cluster,
    cluster::{Namespace, ONE, TWO, pod},
};

use crate::Test;

pub(super) const TESTS: &[Test] =
    &[("a policy that denies all is enforced on node one and not on node two", denied)];

const PORT: &str = "8080";

fn denied(cluster: &Cluster) {
    let namespace = cluster.namespace("policies");
    let listen = format!("while :; do echo heard | nc -l -p {PORT}; done");
    let pods = [ONE, TWO].map(|node| {
        let server = pod(&format!("server-{node}"), "runc", node, Some(&listen));
        [server, pod(&format!("client-{node}"), "gvisor", node, None)]
    });
    namespace.run(&pods.concat());
    for node in [ONE, TWO] {
        cluster.until(&format!("a server on {node}"), || hears(&namespace, node));
    }
    namespace.apply(&json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": "deny-all" },
        "spec": { "podSelector": {}, "policyTypes": ["Ingress", "Egress"] },
    }));
    cluster.until("an enforced policy", || !hears(&namespace, ONE));
    assert!(hears(&namespace, TWO));
    namespace.kubectl(&["delete", "networkpolicy", "deny-all"]);
    cluster.until("the end of the policy", || hears(&namespace, ONE));
}

/// True if a node's client hears its server.
fn hears(namespace: &Namespace<'_>, node: &str) -> bool {
    let server = namespace.address(&format!("server-{node}"));
    namespace.exec(&format!("client-{node}"), &["nc", "-w", "2", &server, PORT]).out == "heard\n"
}
