//! The objects of a crowd.

use serde_json::{Value, json};

use super::Crowd;
use crate::cluster::POOL;

/// The number of nodes in a pool.
const POOL_SIZE: usize = 100;
const SANDBOX: &str = "sandbox.gke.io/runtime";

/// Returns the RuntimeClass of GKE Sandbox (cloud.google.com, "Harden workload isolation with GKE Sandbox").
pub(super) fn runtime_class() -> Value {
    json!({
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": { "name": "gvisor" },
        "handler": "gvisor",
        "scheduling": {
            "nodeSelector": { SANDBOX: "gvisor" },
            "tolerations": [{ "key": SANDBOX, "operator": "Equal", "value": "gvisor", "effect": "NoSchedule" }],
        },
    })
}

/// Returns a node of a pool with gVisor.
pub(super) fn node(number: usize) -> Value {
    let name = node_name(number);
    let range = format!("10.{}.{}.0/24", 128 + number / 256, number % 256);
    let size = json!({ "cpu": "16", "memory": "64Gi", "pods": "110", "ephemeral-storage": "100Gi" });
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                POOL: format!("pool-{}", number / POOL_SIZE),
                SANDBOX: "gvisor",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "node.kubernetes.io/instance-type": "n2-standard-16",
                "topology.kubernetes.io/region": "europe-west3",
                "topology.kubernetes.io/zone": format!("europe-west3-{}", ["a", "b", "c"][number % 3]),
            },
        },
        "spec": {
            "podCIDR": range,
            "podCIDRs": [range],
            "taints": [{ "key": SANDBOX, "value": "gvisor", "effect": "NoSchedule" }],
        },
        "status": {
            "capacity": size,
            "allocatable": size,
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": format!("00000000-0000-4000-8000-{number:012}"),
                "containerRuntimeVersion": "containerd://2.1.4",
                "kernelVersion": "6.12.46",
                "kubeProxyVersion": "",
                "kubeletVersion": "v1.35.4",
                "machineID": format!("{number:032x}"),
                "operatingSystem": "linux",
                "osImage": "Container-Optimized OS",
                "systemUUID": format!("00000000-0000-4000-8000-{number:012}"),
            },
        },
    })
}

/// Returns a workload with so many replicas.
pub(super) fn deployment(number: usize, replicas: usize) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": workload(number), "labels": { "app": workload(number) } },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": workload(number) } },
            "template": { "metadata": { "labels": labels(number) }, "spec": spec() },
        },
    })
}

/// Returns the ReplicaSet of a workload.
pub(super) fn replica_set(number: usize, replicas: usize, deployment: &str) -> Value {
    let mut set = self::deployment(number, replicas);
    set["kind"] = "ReplicaSet".into();
    set["metadata"]["name"] = self::set(number).into();
    set["metadata"]["ownerReferences"] = owner("Deployment", &workload(number), deployment);
    set
}

/// Returns a pod of the workload whose turn it is. `sets` are the uids of the ReplicaSets.
pub(super) fn pod(number: usize, crowd: Crowd, sets: &[String]) -> Value {
    let workload = number % crowd.workloads;
    let mut spec = spec();
    spec["nodeName"] = node_name(number / crowd.pods_a_node).into();
    let set = set(workload);
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("{set}-{number:06}"),
            "labels": labels(workload),
            "ownerReferences": owner("ReplicaSet", &set, &sets[workload]),
        },
        "spec": spec,
    })
}

/// Returns policies: a single policy binds all pods, and each of several binds a workload in its own way.
pub(super) fn policies(count: usize) -> Vec<Value> {
    let policy = |name: &str, selector: Value, egress: Value| {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": { "name": name },
            "spec": { "podSelector": selector, "policyTypes": ["Ingress", "Egress"], "egress": egress },
        })
    };
    if count == 1 {
        return vec![policy("default-deny", json!({}), json!([]))];
    }
    let own = |number: usize| {
        let block = json!({ "ipBlock": { "cidr": format!("192.0.2.{}/32", number % 256) } });
        let egress = json!([{ "to": [block], "ports": [{ "protocol": "TCP", "port": 8000 + number }] }]);
        let selector = json!({ "matchLabels": { "app": workload(number) } });
        policy(&workload(number), selector, egress)
    };
    (0..count).map(own).collect()
}

/// Returns the name of a workload.
pub(super) fn workload(number: usize) -> String {
    format!("workload-{number:02}")
}

/// Returns the name of a workload's ReplicaSet.
pub(super) fn set(number: usize) -> String {
    format!("{}-6d4cf56db6", workload(number))
}

fn node_name(number: usize) -> String {
    format!("node-{number:04}")
}

fn labels(workload: usize) -> Value {
    json!({
        "app": self::workload(workload),
        "pod-template-hash": "6d4cf56db6",
        "app.kubernetes.io/part-of": "shop",
        "app.kubernetes.io/version": "1.4.2",
    })
}

fn owner(kind: &str, name: &str, uid: &str) -> Value {
    json!([{
        "apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true, "blockOwnerDeletion": true,
    }])
}

fn spec() -> Value {
    let variable =
        |number: usize| json!({ "name": format!("SETTING_{number}"), "value": "a value of some length" });
    json!({
        "runtimeClassName": "gvisor",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 10001, "seccompProfile": { "type": "RuntimeDefault" },
        },
        "containers": [{
            "name": "main",
            "image": "registry.example/shop/main:1.4.2",
            "env": (0..10).map(variable).collect::<Vec<_>>(),
            "ports": [{ "name": "http", "containerPort": 8080 }],
            "readinessProbe": { "httpGet": { "path": "/ready", "port": "http" } },
            "resources": {
                "limits": { "cpu": "500m", "memory": "256Mi" }, "requests": { "cpu": "50m", "memory": "64Mi" },
            },
            "securityContext": {
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
            },
        }],
    })
}
