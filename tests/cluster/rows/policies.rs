//! Policies of every kind, one world per row: those that the model evaluates, those that bind nothing, and unknown ones.

use serde_json::{Value, json};
use stage::cluster::{Shop, deployment, policy};

use super::{CLEAN, Lacks, Row, kind::Kind, network};

// Each row has a kind of its own: rows are under way at once, and a kind is the whole cluster's. An object of the whole cluster
// selects the pods of its row alone.

const EKS: Kind =
    Kind::opaque("ApplicationNetworkPolicy", "applicationnetworkpolicies", "networking.k8s.aws");
const GKE: Kind = Kind::opaque("FQDNNetworkPolicy", "fqdnnetworkpolicies", "networking.gke.io");
const EGRESS_FIREWALL: Kind = Kind::opaque("EgressFirewall", "egressfirewalls", "k8s.ovn.org");
const STAGED: Kind = Kind::opaque("StagedNetworkPolicy", "stagednetworkpolicies", "crd.projectcalico.org");
const CALICO: Kind = Kind::opaque("NetworkPolicy", "networkpolicies", "projectcalico.org");
/// The same kind in the group of Calico's own storage.
const STORED: Kind = Kind::opaque("NetworkPolicy", "networkpolicies", "crd.projectcalico.org");
const ADMIN: Kind =
    Kind::opaque("AdminNetworkPolicy", "adminnetworkpolicies", "policy.networking.k8s.io").of_the_cluster();
/// A kind that is a policy by its name alone.
const UNKNOWN: Kind = Kind::opaque("EdgeNetworkPolicy", "edgenetworkpolicies", "tests.podproof.dev");

/// The policies that a cluster declares let something pass that the network drops.
const DECLARED_OPEN: Lacks = &[("network-isolation", "unmet")];
/// A policy may let something pass that nobody can tell.
const MAY_BE_OPEN: Lacks = &[("network-isolation", "inconclusive")];
/// The same, in both directions.
const MAY_BE_OPEN_BOTH_WAYS: Lacks =
    &[("ingress-closed", "inconclusive"), ("network-isolation", "inconclusive")];

/// One of two implementations closes the pods, and nothing tells which of them enforces its policies.
const CLOSED_BY_ONE_OF_TWO: Lacks =
    &[("ingress-closed", "inconclusive"), ("network-policies-apply", "inconclusive")];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a policy of EKS beside one that closes",
        spoil: |shop| {
            let rules = json!([{ "to": [{ "domainNames": ["example.com"] }] }]);
            shop.others.push(EKS.object("names", &selecting(&rules)));
        },
        lend: |cluster| vec![EKS.lend(cluster)],
        lacks: &[("pod/web", MAY_BE_OPEN)],
        code: 3,
        says: "ApplicationNetworkPolicy names",
        ..CLEAN
    },
    Row {
        name: "a policy of GKE for other pods",
        spoil: |shop| {
            let pods = json!({ "matchLabels": { "app": "another" } });
            let rules = json!([{ "matches": [{ "name": "example.com" }] }]);
            shop.others.push(GKE.object("names", &json!({ "podSelector": pods, "egress": rules })));
        },
        lend: |cluster| vec![GKE.lend(cluster)],
        ..CLEAN
    },
    Row {
        name: "a policy of a kind that nobody knows",
        spoil: |shop| shop.others.push(UNKNOWN.object("edge", &selecting(&json!([{}])))),
        lend: |cluster| vec![UNKNOWN.lend(cluster)],
        lacks: &[("pod/web", MAY_BE_OPEN_BOTH_WAYS)],
        code: 3,
        says: "EdgeNetworkPolicy",
        ..CLEAN
    },
    Row {
        name: "a firewall of OVN, which can only close",
        spoil: |shop| {
            let rules = json!([{ "type": "Allow", "to": { "cidrSelector": "0.0.0.0/0" } }]);
            shop.others.push(EGRESS_FIREWALL.object("default", &json!({ "egress": rules })));
        },
        lend: |cluster| vec![EGRESS_FIREWALL.lend(cluster)],
        ..CLEAN
    },
    Row {
        name: "a staged policy of Calico",
        spoil: |shop| {
            let spec = json!({ "selector": "all()", "types": ["Egress"], "egress": [{ "action": "Allow" }] });
            shop.others.push(STAGED.object("later", &spec));
        },
        lend: |cluster| vec![STAGED.lend(cluster)],
        ..CLEAN
    },
    Row {
        name: "a policy of Calico that opens a block",
        spoil: |shop| {
            let rule = json!({ "action": "Allow", "protocol": "TCP", "destination": { "nets": ["192.168.7.0/24"] } });
            let spec = json!({ "selector": "app == 'web'", "types": ["Egress"], "egress": [rule] });
            shop.others.push(CALICO.object("block", &spec));
        },
        lend: |cluster| vec![CALICO.lend(cluster)],
        lacks: &[("pod/web", DECLARED_OPEN)],
        code: 1,
        says: "192.168.7.0",
        ..CLEAN
    },
    Row {
        name: "a policy of the administrator that opens",
        spoil: |shop| *shop = Shop { deployments: vec![deployment("steered")], ..shop.clone() },
        lend: |cluster| vec![ADMIN.lend(cluster), cluster.lend(administrator())],
        lacks: &[("pod/steered", DECLARED_OPEN)],
        code: 1,
        says: "AdminNetworkPolicy",
        ..CLEAN
    },
    Row {
        name: "policies of Cilium alone, with empty rules",
        spoil: |shop| {
            shop.without_policies();
            shop.others.push(cilium(&json!({ "ingress": [{}], "egress": [{}] })));
        },
        ..CLEAN
    },
    Row {
        name: "a policy of Cilium without a rule",
        spoil: |shop| {
            shop.without_policies();
            shop.others.push(cilium(&json!({ "egress": [] })));
        },
        lacks: &[("pod/web", network::UNBOUND)],
        code: 1,
        says: "egress is open",
        ..CLEAN
    },
    Row {
        name: "a policy of Cilium that closes beside one of Calico that does not",
        spoil: |shop| {
            shop.without_policies();
            shop.others.push(cilium(&json!({ "ingress": [{}], "egress": [{}] })));
            let spec = json!({ "selector": "app == 'other'", "types": ["Ingress", "Egress"] });
            shop.others.push(STORED.object("other", &spec));
        },
        lend: |cluster| vec![STORED.lend(cluster)],
        lacks: &[("pod/web", CLOSED_BY_ONE_OF_TWO)],
        code: 3,
        says: "Calico does not know the kind",
        ..CLEAN
    },
    Row {
        name: "a policy of the cluster that denies one address and closes nothing else",
        spoil: |shop| *shop = Shop { deployments: vec![deployment("guarded")], ..shop.clone() },
        lend: |cluster| vec![cluster.lend(guard())],
        lacks: &[("pod/guarded", &[])],
        ..CLEAN
    },
    Row {
        name: "a policy of the cluster for nodes",
        lend: |cluster| vec![cluster.lend(for_nodes())],
        ..CLEAN
    },
    Row {
        name: "workloads that differ in labels and in the names of their policies",
        spoil: |shop| {
            for name in ["red", "green", "blue"] {
                shop.deployments.push(deployment(name));
                let labels = json!({ "matchLabels": { "app": name } });
                shop.policy(name, &json!({ "podSelector": labels, "policyTypes": ["Ingress", "Egress"] }));
            }
        },
        ..CLEAN
    },
    Row {
        name: "a policy that is younger than its pods",
        spoil: |shop| shop.without_policies(),
        then: |namespace| {
            let closed = json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] });
            namespace.apply(&policy("young", &closed));
        },
        says: "ran before NetworkPolicy young",
        ..CLEAN
    },
];

/// Returns the specification of a policy that selects every pod of its namespace.
fn selecting(egress: &Value) -> Value {
    json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": egress })
}

fn administrator() -> Value {
    let pods = json!({ "namespaceSelector": {}, "podSelector": { "matchLabels": { "app": "steered" } } });
    let rule = json!({ "name": "out", "action": "Allow", "to": [{ "networks": ["0.0.0.0/0"] }] });
    ADMIN.object("opens", &json!({ "priority": 10, "subject": { "pods": pods }, "egress": [rule] }))
}

/// Returns a policy for the pods of the deployment `web`.
fn cilium(rules: &Value) -> Value {
    let mut spec = rules.clone();
    spec["endpointSelector"] = json!({ "matchLabels": { "app": "web" } });
    json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": { "name": "only" },
        "spec": spec,
    })
}

fn guard() -> Value {
    of_the_cluster(
        "guard",
        &json!({
            "endpointSelector": { "matchLabels": { "app": "guarded" } },
            "enableDefaultDeny": { "egress": false, "ingress": false },
            "egressDeny": [{ "toCIDR": ["169.254.169.254/32"] }],
        }),
    )
}

fn for_nodes() -> Value {
    of_the_cluster(
        "nodes",
        &json!({
            "nodeSelector": { "matchLabels": { "kubernetes.io/hostname": "another" } },
            "egress": [{ "toEntities": ["all"] }],
        }),
    )
}

fn of_the_cluster(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumClusterwideNetworkPolicy",
        "metadata": { "name": name },
        "spec": spec,
    })
}
