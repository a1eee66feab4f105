//! Ways into the sandbox, one per row. In every row a control pod tries to reach the probe.

use serde_json::{Value, json};
use stage::{Cluster, cluster::Shop};

use super::{CLEAN, Lacks, Row};

/// Others may reach the pods, and the rest is closed.
const REACHABLE: Lacks = &[("ingress-closed", "unmet")];
/// Others are meant to reach the pods.
const MEANT: Lacks = &[("ingress-closed", "not-applicable")];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "closed, and a pod that declares a port",
        spoil: declares_a_port,
        says: "the control pod did not reach the probe, which listened in the sandbox",
        ..CLEAN
    },
    Row {
        name: "a declared port that is open to everybody",
        spoil: open_to_everybody,
        lacks: &[("pod/web", REACHABLE)],
        code: 1,
        says: ":8080; NetworkPolicy front, ingress[0], lets it in",
        ..CLEAN
    },
    Row {
        name: "a port that is open to the pods of the namespace",
        spoil: |shop| {
            declares_a_port(shop);
            front(shop, &json!([{ "from": [{ "podSelector": {} }], "ports": [{ "port": 8080 }] }]));
        },
        lacks: &[("pod/web", REACHABLE)],
        code: 1,
        says: "NetworkPolicy front, ingress[0] lets all pods in namespace",
        ..CLEAN
    },
    Row {
        name: "an open port that the policy file declares",
        spoil: open_to_everybody,
        words: |cluster| meant(cluster, "deployment/web"),
        lacks: &[("pod/web", MEANT)],
        says: "the policy file says that others are meant to reach these pods",
        ..CLEAN
    },
    Row {
        name: "an open port, and a policy file that declares another workload",
        spoil: open_to_everybody,
        words: |cluster| meant(cluster, "deployment/api"),
        lacks: &[("pod/web", REACHABLE)],
        code: 1,
        says: "`ingress = [",
        ..CLEAN
    },
];

fn declares_a_port(shop: &mut Shop) {
    shop.container()["ports"] = json!([{ "containerPort": 8080 }]);
}

fn open_to_everybody(shop: &mut Shop) {
    declares_a_port(shop);
    front(shop, &json!([{ "ports": [{ "port": 8080 }] }]));
}

fn front(shop: &mut Shop, ingress: &Value) {
    shop.policy("front", &json!({ "podSelector": {}, "policyTypes": ["Ingress"], "ingress": ingress }));
}

/// Returns the arguments for a policy file that declares that a workload is meant to be reached.
fn meant(cluster: &Cluster, workload: &str) -> Vec<String> {
    let file = cluster.state().join(format!("ingress-{}.toml", workload.replace('/', "-")));
    std::fs::write(&file, format!("ingress = [{workload:?}]\n")).unwrap();
    vec!["--policy".to_owned(), file.display().to_string()]
}
