//! Volumes and devices that a template asks for, one per row. No pod of these templates exists, because the cluster has neither
//! such drivers nor such devices.

use serde_json::{Value, json};
use stage::cluster::Shop;

use super::{CLEAN, Lacks, Row};

/// Outcomes of a volume whose files may be the node's.
pub(super) const UNKNOWN: Lacks =
    &[("filesystem-isolation", "inconclusive"), ("host-sockets-absent", "inconclusive")];

/// Leaves the template without pods, and gives it this volume.
fn with(shop: &mut Shop, volume: &Value) {
    shop.restricted = false;
    shop.deployments[0]["spec"]["replicas"] = json!(0);
    let mut volume = volume.clone();
    volume["name"] = json!("data");
    shop.pod()["volumes"] = json!([volume]);
}

/// Returns a volume that a claim of this StorageClass will hold.
fn of_class(name: &str) -> Value {
    let resources = json!({ "requests": { "storage": "1Mi" } });
    let spec = json!({ "accessModes": ["ReadWriteOnce"], "storageClassName": name, "resources": resources });
    json!({ "ephemeral": { "volumeClaimTemplate": { "spec": spec } } })
}

fn class(name: &str, provisioner: &str) -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": { "name": name },
        "provisioner": provisioner,
    })
}

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a template with a network share",
        spoil: |shop| with(shop, &json!({ "nfs": { "server": "nas.example", "path": "/" } })),
        lacks: &[("deployment/web", &[])],
        ..CLEAN
    },
    Row {
        name: "a template with a volume of an unknown driver",
        spoil: |shop| with(shop, &json!({ "csi": { "driver": "csi.vendor.example" } })),
        lacks: &[("deployment/web", UNKNOWN)],
        code: 3,
        says: "accept the driver csi.vendor.example",
        ..CLEAN
    },
    Row {
        name: "a template with an annotation by which the runtime mounts a path of the node",
        spoil: |shop| {
            shop.deployments[0]["spec"]["replicas"] = json!(0);
            let mounts = "- { source: /, destination: /host, type: bind, options: [rbind, rw] }";
            shop.template()["metadata"]["annotations"] = json!({ "mounts.nri.io/container.app": mounts });
        },
        lacks: &[("deployment/web", UNKNOWN)],
        code: 3,
        says: "accept the driver mounts.nri.io",
        ..CLEAN
    },
    Row {
        name: "a template with a volume of the driver for paths of the node",
        spoil: |shop| with(shop, &json!({ "csi": { "driver": "hostpath.csi.k8s.io" } })),
        lacks: &[("deployment/web", &[("filesystem-isolation", "unmet")])],
        code: 1,
        says: "a volume of the driver hostpath.csi.k8s.io",
        ..CLEAN
    },
    Row {
        name: "a template with a claim of a StorageClass for cloud disks",
        spoil: |shop| with(shop, &of_class("podproof-cloud")),
        lend: |cluster| vec![cluster.lend(class("podproof-cloud", "ebs.csi.aws.com"))],
        lacks: &[("deployment/web", &[])],
        ..CLEAN
    },
    Row {
        name: "a template with a claim of a StorageClass for paths of the node",
        spoil: |shop| with(shop, &of_class("podproof-local")),
        lend: |cluster| vec![cluster.lend(class("podproof-local", "rancher.io/local-path"))],
        lacks: &[("deployment/web", &[("filesystem-isolation", "unmet")])],
        code: 1,
        says: "made by rancher.io/local-path as a folder of the node",
        ..CLEAN
    },
    Row {
        name: "a template with a GPU",
        spoil: |shop| {
            shop.deployments[0]["spec"]["replicas"] = json!(0);
            shop.container()["resources"]["limits"]["nvidia.com/gpu"] = json!(1);
        },
        lacks: &[("deployment/web", &[("runtime-settings", "unmet")])],
        code: 1,
        says: "which gVisor passes on by its nvproxy",
        ..CLEAN
    },
];
