//! Parts of its node that a workload can ask for, one per row.

use std::process;

use serde_json::json;
use stage::cluster::Shop;

use super::{CLEAN, Lacks, Row};

const PATH: Lacks = &[("filesystem-isolation", "unmet")];
const SOCKET: Lacks = &[("filesystem-isolation", "unmet"), ("host-sockets-absent", "unmet")];
/// Anything of the node may lie in its root.
const WHOLE_ROOT: Lacks = &[("filesystem-isolation", "unmet"), ("host-sockets-absent", "inconclusive")];

/// The probe is not in the node's network, so its failure to reach a target shows nothing.
const IN_THE_NODES_NETWORK: Lacks = &[
    ("api-server-blocked", "inconclusive"),
    ("closed-from-the-start", "inconclusive"),
    ("dns-contained", "inconclusive"),
    ("ingress-closed", "unmet"),
    ("least-privilege", "unmet"),
    ("metadata-blocked", "inconclusive"),
    ("neighbours-blocked", "inconclusive"),
    ("network-isolation", "unmet"),
    ("network-policies-apply", "unmet"),
    ("policies-enforced", "not-applicable"),
];
/// Outcomes in the node's network, and `runtime::OWN_KERNEL`.
const IN_THE_NODES_NETWORK_ON_ITS_KERNEL: Lacks = &[
    ("api-server-blocked", "inconclusive"),
    ("closed-from-the-start", "inconclusive"),
    ("dns-contained", "inconclusive"),
    ("ingress-closed", "unmet"),
    ("least-privilege", "unmet"),
    ("metadata-blocked", "inconclusive"),
    ("neighbours-blocked", "inconclusive"),
    ("network-isolation", "unmet"),
    ("network-policies-apply", "unmet"),
    ("policies-enforced", "not-applicable"),
    ("runtime-class-exists", "unmet"),
    ("runtime-class-used", "unmet"),
    ("runtime-isolation", "unmet"),
    ("runtime-settings", "not-applicable"),
];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a pod with a path of the node",
        spoil: |shop| {
            shop.restricted = false;
            shop.pod()["volumes"] = json!([{ "name": "host", "hostPath": { "path": "/etc" } }]);
        },
        lacks: &[("pod/web", PATH)],
        code: 1,
        says: "mounts /etc",
        ..CLEAN
    },
    Row {
        name: "a claim on a volume that is a path of the node",
        spoil: |shop| {
            shop.others.push(json!({
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": { "name": "claim" },
                "spec": {
                    "accessModes": ["ReadOnlyMany"],
                    "storageClassName": "",
                    "volumeName": volume(),
                    "resources": { "requests": { "storage": "1Mi" } },
                },
            }));
            shop.pod()["volumes"] = json!([{ "name": "host", "persistentVolumeClaim": { "claimName": "claim", "readOnly": true } }]);
        },
        lend: |cluster| {
            let volume = json!({
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": { "name": volume() },
                "spec": {
                    "accessModes": ["ReadOnlyMany"],
                    "capacity": { "storage": "1Mi" },
                    "persistentVolumeReclaimPolicy": "Retain",
                    "hostPath": { "path": "/etc" },
                },
            });
            vec![cluster.lend(volume)]
        },
        lacks: &[("pod/web", PATH)],
        code: 1,
        says: "/etc",
        ..CLEAN
    },
    Row {
        name: "a pod with a port of the node",
        spoil: |shop| {
            shop.restricted = false;
            shop.container()["ports"] = json!([{ "containerPort": 8080, "hostPort": 18_080 }]);
        },
        lacks: &[("pod/web", &[("least-privilege", "unmet")])],
        code: 1,
        says: "takes the node's port 18080",
        ..CLEAN
    },
    Row {
        // Without a pod of the template: runsc takes over the addresses of the network that it is given
        // (`runsc/sandbox/network.go`, `removeLinkAddresses`), and a node's network here looks like any other to
        // runsc.
        name: "a template in the node's network",
        spoil: |shop| {
            shop.restricted = false;
            shop.deployments[0]["spec"]["replicas"] = json!(0);
            shop.pod()["hostNetwork"] = json!(true);
        },
        lacks: &[("deployment/web", IN_THE_NODES_NETWORK)],
        code: 1,
        says: "shares the node's network namespace",
        ..CLEAN
    },
    Row {
        name: "a pod with the node's root",
        spoil: |shop| mounted(shop, "/", "Directory"),
        lacks: &[("pod/web", WHOLE_ROOT)],
        code: 1,
        says: "deployment/web mounts /\"",
        ..CLEAN
    },
    Row {
        name: "a pod with Docker's socket",
        spoil: |shop| mounted(shop, "/var/run/docker.sock", ""),
        lacks: &[("pod/web", SOCKET)],
        code: 1,
        says: "mounts /var/run/docker.sock",
        ..CLEAN
    },
    Row {
        name: "a pod with containerd's socket",
        spoil: |shop| mounted(shop, "/run/containerd/containerd.sock", ""),
        lacks: &[("pod/web", SOCKET)],
        code: 1,
        says: "mounts /run/containerd/containerd.sock",
        ..CLEAN
    },
    Row {
        name: "a pod with a device of the node",
        spoil: |shop| mounted(shop, "/dev/kmsg", "CharDevice"),
        lacks: &[("pod/web", PATH)],
        code: 1,
        says: "mounts /dev/kmsg",
        ..CLEAN
    },
    Row {
        name: "a pod that sees the node's processes",
        spoil: |shop| {
            shop.restricted = false;
            shop.pod()["hostPID"] = json!(true);
        },
        lacks: &[("pod/web", &[("least-privilege", "unmet")])],
        code: 1,
        says: "shares the node's pid namespace",
        ..CLEAN
    },
    Row {
        name: "a pod in the node's network",
        spoil: |shop| {
            shop.restricted = false;
            shop.pod()["hostNetwork"] = json!(true);
            shop.pod()["runtimeClassName"] = json!("runc");
        },
        lacks: &[("pod/web", IN_THE_NODES_NETWORK_ON_ITS_KERNEL)],
        code: 1,
        says: "shares the node's network namespace",
        ..CLEAN
    },
];

/// Mounts a path of the node, read-only. containerd makes a folder of a missing path without a kind.
fn mounted(shop: &mut Shop, path: &str, kind: &str) {
    shop.restricted = false;
    shop.pod()["volumes"] = json!([{ "name": "host", "hostPath": { "path": path, "type": kind } }]);
    shop.container()["volumeMounts"] = json!([{ "name": "host", "mountPath": "/host", "readOnly": true }]);
}

/// Returns the name of a volume, which is the whole cluster's.
fn volume() -> String {
    format!("path-{}", process::id())
}
