//! Network policies: enforced on one node, declared on the other.

use serde_json::{Value, json};
use stage::{
    Cluster,
    cluster::{Namespace, ONE, Shop, TWO, pod, policy},
};

use crate::Test;

pub(super) const TESTS: &[Test] = &[
    ("a policy that denies all is enforced on node one and not on node two", denied),
    ("a control namespace that a policy opens is a good control", opened),
    ("a policy for other pods of the control namespace leaves it a good control", of_others),
    (
        "a cluster that is closed by default is said to be one, and is ready beside an open control namespace",
        closed,
    ),
];

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

fn opened(cluster: &Cluster) {
    controlled(cluster, &policy("open", &json!({ "podSelector": {}, "ingress": [{}], "egress": [{}] })));
}

fn of_others(cluster: &Cluster) {
    let others = json!({ "matchLabels": { "app": "gateway" } });
    let closed = json!({ "podSelector": others, "policyTypes": ["Ingress", "Egress"] });
    controlled(cluster, &policy("gateway", &closed));
}

/// The namespace has no policy of its own.
fn closed(cluster: &Cluster) {
    let [shop, control] = ["closed", "control"].map(|word| cluster.namespace(word));
    let mut world = Shop::default();
    world.without_policies();
    world.open(&shop);
    let _baseline = cluster.lend(json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumClusterwideNetworkPolicy",
        "metadata": { "name": "baseline" },
        "spec": { "endpointSelector": {}, "egress": [{}], "ingress": [{}] },
    }));
    let verify = || cluster.verify(&shop, &control, &["--environment", "production"]);
    let shut_off = verify();
    assert_eq!(shut_off.code(), Some(3), "{shut_off:#?}");
    assert!(shut_off.out.contains("the cluster is closed by default"), "{shut_off:#?}");
    control.apply(&policy("open", &json!({ "podSelector": {}, "ingress": [{}], "egress": [{}] })));
    let ended = verify();
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    assert!(ended.out.contains("CiliumClusterwideNetworkPolicy baseline denies"), "{ended:#?}");
}

/// Asserts that a namespace in which nothing is wrong is ready beside a control namespace with this policy.
fn controlled(cluster: &Cluster, policy: &Value) {
    let [shop, control] = ["controlled", "control"].map(|word| cluster.namespace(word));
    Shop::default().open(&shop);
    control.apply(policy);
    let ended = cluster.verify(&shop, &control, &["--environment", "production"]);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
}

/// True if a node's client hears its server.
fn hears(namespace: &Namespace<'_>, node: &str) -> bool {
    let server = namespace.address(&format!("server-{node}"));
    namespace.exec(&format!("client-{node}"), &["nc", "-w", "2", &server, PORT]).out == "heard\n"
}
