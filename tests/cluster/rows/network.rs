//! Faults of the network, one per row.

use std::process;

use serde_json::{Value, json};
use stage::{
    Cluster,
    cluster::{Loan, POOL, deployment},
};

use super::{CLEAN, Lacks, Row, SYSTEM, listener};
use crate::outside;

/// A policy allows egress, and the probe reached everything that is there.
pub(super) const OPENED: Lacks = &[
    ("api-server-blocked", "unmet"),
    ("closed-from-the-start", "not-applicable"),
    ("dns-contained", "unmet"),
    ("metadata-blocked", "unmet"),
    ("neighbours-blocked", "unmet"),
    ("network-isolation", "unmet"),
    ("policies-enforced", "not-applicable"),
];
/// A policy allows egress, and the probe reached the control pod's listener alone.
const OPENED_TO_A_POD: Lacks = &[
    ("closed-from-the-start", "not-applicable"),
    ("neighbours-blocked", "unmet"),
    ("network-isolation", "unmet"),
    ("policies-enforced", "not-applicable"),
];
/// A policy allows egress and ingress on one port, and the listener shows that the rest is closed.
const OPENED_BOTH_WAYS: Lacks = &[
    ("closed-from-the-start", "not-applicable"),
    ("ingress-closed", "unmet"),
    ("neighbours-blocked", "unmet"),
    ("network-isolation", "unmet"),
];
/// A policy allows egress on one port, and the listener's own port shows that the rest is closed.
pub(super) const OPENED_TO_A_POLICYS_PORT: Lacks = &[
    ("closed-from-the-start", "not-applicable"),
    ("neighbours-blocked", "unmet"),
    ("network-isolation", "unmet"),
];
/// A policy allows egress, and the probe reached the control pod's listener and a name server.
const OPENED_TO_UDP: Lacks = &[
    ("closed-from-the-start", "not-applicable"),
    ("dns-contained", "unmet"),
    ("neighbours-blocked", "unmet"),
    ("network-isolation", "unmet"),
    ("policies-enforced", "not-applicable"),
];
/// A policy allows egress, and the probe reached a name server alone.
const OPENED_TO_DNS: Lacks = &[
    ("closed-from-the-start", "not-applicable"),
    ("dns-contained", "inconclusive"),
    ("network-isolation", "unmet"),
];
/// A policy allows egress, and the probe reached a metadata service alone.
const OPENED_TO_METADATA: Lacks = &[
    ("closed-from-the-start", "not-applicable"),
    ("metadata-blocked", "unmet"),
    ("network-isolation", "unmet"),
];
/// A policy allows egress, and the probe reached only a name server that gives an address for any name.
const OPENED_TO_A_RESOLVER: Lacks = &[
    ("closed-from-the-start", "not-applicable"),
    ("dns-contained", "unmet"),
    ("network-isolation", "unmet"),
];
/// No policy binds the pods.
pub(super) const UNBOUND: Lacks = &[
    ("api-server-blocked", "unmet"),
    ("closed-from-the-start", "not-applicable"),
    ("dns-contained", "unmet"),
    ("ingress-closed", "unmet"),
    ("metadata-blocked", "unmet"),
    ("neighbours-blocked", "unmet"),
    ("network-isolation", "unmet"),
    ("network-policies-apply", "unmet"),
    ("policies-enforced", "not-applicable"),
];
/// No policy denies egress.
const UNBOUND_FOR_EGRESS: Lacks = &[
    ("api-server-blocked", "unmet"),
    ("closed-from-the-start", "not-applicable"),
    ("dns-contained", "unmet"),
    ("metadata-blocked", "unmet"),
    ("neighbours-blocked", "unmet"),
    ("network-isolation", "unmet"),
    ("network-policies-apply", "unmet"),
    ("policies-enforced", "not-applicable"),
];
/// A policy denies everything, and the probe reached everything all the same, and was reached.
const NOT_ENFORCED: Lacks = &[
    ("api-server-blocked", "unmet"),
    ("closed-from-the-start", "not-applicable"),
    ("dns-contained", "unmet"),
    ("ingress-closed", "unmet"),
    ("metadata-blocked", "unmet"),
    ("neighbours-blocked", "unmet"),
    ("network-isolation", "unmet"),
    ("policies-enforced", "unmet"),
];
/// A policy closes the probe pod, and another one leaves its pods open.
const BOUND_OTHERWISE: Lacks = &[
    ("api-server-blocked", "inconclusive"),
    ("closed-from-the-start", "inconclusive"),
    ("dns-contained", "inconclusive"),
    ("ingress-closed", "inconclusive"),
    ("metadata-blocked", "inconclusive"),
    ("neighbours-blocked", "inconclusive"),
    ("network-isolation", "unmet"),
    ("network-policies-apply", "inconclusive"),
    ("policies-enforced", "inconclusive"),
];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "everything closed, and tried twice",
        settle: "5s",
        says: "ms after the container's start",
        ..CLEAN
    },
    Row {
        name: "a policy that closes probe pods alone",
        spoil: |shop| {
            shop.without_policies();
            let selects = |operator| json!([{ "key": "podproof.dev/run", "operator": operator }]);
            let probes = json!({ "matchExpressions": selects("Exists") });
            let others = json!({ "matchExpressions": selects("DoesNotExist") });
            shop.policy("closed", &json!({ "podSelector": probes, "policyTypes": ["Ingress", "Egress"] }));
            shop.policy("open", &json!({ "podSelector": others, "policyTypes": ["Egress"], "egress": [{}] }));
        },
        lacks: &[("pod/web", BOUND_OTHERWISE)],
        code: 1,
        says: "closed binds the probe pod alone",
        ..CLEAN
    },
    Row {
        name: "a policy that opens pods by a label of the product",
        spoil: |shop| {
            shop.template()["metadata"]["labels"]["podproof.dev/role"] = json!("web");
            let pods = json!({ "matchLabels": { "podproof.dev/role": "web" } });
            shop.policy("open", &json!({ "podSelector": pods, "policyTypes": ["Egress"], "egress": [{}] }));
        },
        lacks: &[("pod/web", BOUND_OTHERWISE)],
        code: 1,
        says: "open binds the pods and not the probe pod",
        ..CLEAN
    },
    Row {
        name: "no policy",
        spoil: |shop| shop.without_policies(),
        lacks: &[("pod/web", UNBOUND)],
        code: 1,
        says: "egress is open",
        ..CLEAN
    },
    Row {
        name: "a policy for ingress alone",
        spoil: |shop| {
            shop.without_policies();
            shop.policy("ingress", &json!({ "podSelector": {}, "policyTypes": ["Ingress"] }));
        },
        lacks: &[("pod/web", UNBOUND_FOR_EGRESS)],
        code: 1,
        says: "no policy binds egress",
        ..CLEAN
    },
    Row {
        name: "everything allowed for one label",
        spoil: |shop| {
            shop.deployments.push(deployment("open"));
            shop.policy("open", &egress(&json!({ "app": "open" }), &json!([{}])));
        },
        lacks: &[("pod/open", OPENED), ("pod/web", &[])],
        code: 1,
        says: "egress is open",
        ..CLEAN
    },
    Row {
        name: "everything allowed for one label by a Cilium policy",
        spoil: |shop| {
            shop.deployments.push(deployment("yard"));
            shop.others.push(json!({
                "apiVersion": "cilium.io/v2",
                "kind": "CiliumNetworkPolicy",
                "metadata": { "name": "open" },
                "spec": {
                    "endpointSelector": { "matchLabels": { "app": "yard" } },
                    "egress": [{ "toEntities": ["all"] }],
                },
            }));
        },
        lacks: &[("pod/yard", OPENED), ("pod/web", &[])],
        code: 1,
        says: "egress is open",
        ..CLEAN
    },
    Row {
        name: "a policy that nothing enforces",
        spoil: |shop| shop.pod()["nodeSelector"] = json!({ POOL: "plain" }),
        lacks: &[("pod/web", NOT_ENFORCED)],
        code: 1,
        says: ", which NetworkPolicy ",
        ..CLEAN
    },
    Row {
        name: "egress open for UDP alone",
        spoil: |shop| shop.policy("udp", &egress(&json!({}), &json!([{ "ports": [{ "protocol": "UDP" }] }]))),
        lacks: &[("pod/web", OPENED_TO_UDP)],
        code: 1,
        says: ", and the datagram arrived",
        ..CLEAN
    },
    Row {
        name: "pods open to each other",
        spoil: |shop| {
            // `nc` takes one connection at a time, and two rounds would meet different answers.
            let listens = json!(["/bin/busybox", "httpd", "-f", "-p", "8080"]);
            shop.container()["command"] = listens;
            shop.container()["ports"] = json!([{ "containerPort": 8080 }]);
            let port = port("TCP", 8080);
            shop.policy(
                "mesh",
                &json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": port, "egress": port }),
            );
        },
        // The network learns of a new pod's labels a while after its start.
        settle: "3s",
        lacks: &[("pod/web", OPENED_BOTH_WAYS)],
        code: 1,
        says: ":8080 (other pods); NetworkPolicy mesh",
        ..CLEAN
    },
    Row {
        name: "egress open for one TCP port",
        spoil: |shop| shop.policy("port", &egress(&json!({}), &port("TCP", 8790))),
        lacks: &[("pod/web", OPENED_TO_A_POD)],
        code: 1,
        says: ":8790: reached",
        ..CLEAN
    },
    Row {
        name: "egress open for a port that the listener alone answers on",
        spoil: |shop| shop.policy("other", &egress(&json!({}), &port("TCP", 5432))),
        lacks: &[("pod/web", OPENED_TO_A_POLICYS_PORT)],
        code: 1,
        says: "on a port that a policy lets leave; NetworkPolicy other, egress[0], lets it pass",
        ..CLEAN
    },
    Row {
        name: "DNS allowed",
        spoil: |shop| {
            let to = json!([{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": SYSTEM } } }]);
            let ports = json!([{ "protocol": "UDP", "port": 53 }, { "protocol": "TCP", "port": 53 }]);
            shop.policy("dns", &egress(&json!({}), &json!([{ "to": to, "ports": ports }])));
        },
        lend: name_service,
        alone: true,
        lacks: &[("pod/web", OPENED_TO_DNS)],
        code: 1,
        says: "the sandbox reached the cluster's DNS",
        ..CLEAN
    },
    Row {
        name: "a metadata service allowed",
        spoil: |shop| shop.policy("metadata", &egress(&json!({}), &host(outside::METADATA, "TCP", 80))),
        lacks: &[("pod/web", OPENED_TO_METADATA)],
        code: 1,
        says: "the sandbox reached a metadata service",
        ..CLEAN
    },
    Row {
        name: "a resolver allowed that knows every name",
        spoil: |shop| shop.policy("resolver", &egress(&json!({}), &host(outside::RESOLVER, "UDP", 53))),
        lacks: &[("pod/web", OPENED_TO_A_RESOLVER)],
        code: 1,
        says: "gave the address of example.com",
        ..CLEAN
    },
];

pub(super) fn egress(labels: &Value, rules: &Value) -> Value {
    json!({ "podSelector": { "matchLabels": labels }, "policyTypes": ["Egress"], "egress": rules })
}

pub(super) fn port(protocol: &str, number: u16) -> Value {
    json!([{ "ports": [{ "protocol": protocol, "port": number }] }])
}

/// Returns the rules of a policy that allows one port of a host outside.
fn host(address: &str, protocol: &str, port: u16) -> Value {
    let to = json!([{ "ipBlock": { "cidr": format!("{address}/32") } }]);
    json!([{ "to": to, "ports": [{ "protocol": protocol, "port": port }] }])
}

/// Makes a listener at the address where runs look for the cluster's DNS.
fn name_service(cluster: &Cluster) -> Vec<Loan<'_>> {
    let name = format!("dns-{}", process::id());
    let ports = ["UDP", "TCP"]
        .map(|protocol| json!({ "name": protocol.to_lowercase(), "protocol": protocol, "port": 53 }));
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name, "namespace": SYSTEM, "labels": { "k8s-app": "kube-dns" } },
        "spec": { "selector": { "app": name }, "ports": ports },
    });
    let loans = vec![listener(cluster, &name, 53), cluster.lend(service)];
    let label = format!("--selector=kubernetes.io/service-name={name}");
    cluster.until("an endpoint of the name service", || {
        let slices = cluster.get(&["endpointslices", "--namespace", SYSTEM, &label]);
        slices["items"][0]["endpoints"][0]["conditions"]["ready"] == true
    });
    loans
}
