//! Workloads as other projects write them, by fields and values: each with everything that production finds not met.

use std::fs;

use serde_json::{Value, json};
use stage::{
    Cluster,
    cluster::{BUSYBOX, Loan, Namespace, POOL, Shop},
};

use super::{CLEAN, ENFORCED, Row, kind::Kind, storage::UNKNOWN};

/// A Rollout of Argo, whose ReplicaSets it makes itself. Each row has a kind of its own.
const ROLLOUT: Kind = Kind::described("Rollout", "rollouts", "argoproj.io").templates("template");
const SPOILT_ROLLOUT: Kind =
    Kind::described("Rollout", "rollouts", "rollouts.tests.podproof.dev").templates("template");

/// A driver that nobody knows, so that its pod waits for its volume and stays as it is.
const DRIVER: &str = "disk.csi.podproof.test";

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a Rollout of Argo with its ReplicaSets, of which the old one is at zero",
        spoil: |shop| rolled_out(shop, &ROLLOUT, |_| ()),
        lend: |cluster| vec![ROLLOUT.lend(cluster)],
        then: |namespace| replica_sets(namespace, &ROLLOUT),
        ..CLEAN
    },
    Row {
        name: "a Rollout whose container runs as root",
        spoil: |shop| {
            shop.restricted = false;
            rolled_out(shop, &SPOILT_ROLLOUT, |pod| {
                pod["securityContext"]["runAsUser"] = json!(0);
                pod["securityContext"]["runAsNonRoot"] = json!(false);
            });
        },
        lend: |cluster| vec![SPOILT_ROLLOUT.lend(cluster)],
        then: |namespace| replica_sets(namespace, &SPOILT_ROLLOUT),
        lacks: &[("pod/web", &[("least-privilege", "unmet")])],
        code: 1,
        says: "container app may run as root",
        ..CLEAN
    },
    Row {
        name: "a StatefulSet with a claim of an accepted driver",
        spoil: |shop| shop.others.push(stateful_set("podproof-accepted")),
        lend: |cluster| disk(cluster, "podproof-accepted"),
        then: bound,
        words: |cluster| {
            let text = format!(
                "[[accepted-volumes]]\ndriver = \"{DRIVER}\"\nowner = \"storage\"\nreason = \"disks of the network\"\n"
            );
            policy_file(cluster, "accepted-driver", &text)
        },
        // Accepted as it is, the gap blocks nothing.
        lacks: &[("pod/web", UNKNOWN)],
        says: "disks of the network",
        ..CLEAN
    },
    Row {
        name: "a StatefulSet with a claim of an unknown driver",
        spoil: |shop| shop.others.push(stateful_set("podproof-unknown")),
        lend: |cluster| disk(cluster, "podproof-unknown"),
        then: bound,
        lacks: &[("pod/web", UNKNOWN)],
        code: 3,
        says: "accept the driver disk.csi.podproof.test",
        ..CLEAN
    },
    Row {
        // JupyterHub gives each server a token of its own in its environment.
        name: "a single-user server of JupyterHub, whose token is waived",
        spoil: |shop| {
            let pod = server(shop.template());
            shop.others.push(pod);
        },
        then: started,
        words: |cluster| {
            let text = "[[waivers]]\nrequirement = \"secrets-absent\"\nscope = \"everywhere\"\nowner = \"notebooks\"\n\
                        reason = \"a server's own token\"\nexpires = 9999-12-31\n";
            policy_file(cluster, "jupyterhub", text)
        },
        lacks: &[("pod/web", &[("secrets-absent", "unmet")])],
        says: "a credential in the variable JUPYTERHUB_API_TOKEN of the container notebook",
        ..CLEAN
    },
    Row {
        name: "a single-user server of JupyterHub as its chart writes it",
        spoil: |shop| {
            shop.restricted = false;
            let mut pod = server(shop.template());
            let spec = &mut pod["spec"];
            spec["securityContext"] = json!({ "fsGroup": 100 });
            let container = &mut spec["containers"][0];
            container["securityContext"] = json!({ "runAsUser": 1000, "allowPrivilegeEscalation": false });
            container["resources"] = json!({ "requests": { "memory": "32Mi" } });
            // The chart closes the metadata address by a rule of the pod's own network.
            spec["initContainers"] = json!([{
                "name": "block-cloud-metadata",
                "image": BUSYBOX,
                "imagePullPolicy": "Never",
                "command": ["true"],
                "securityContext":
                    { "privileged": true, "runAsUser": 0, "capabilities": { "add": ["NET_ADMIN"] } },
            }]);
            shop.others.push(pod);
        },
        then: started,
        lacks: &[(
            "pod/web",
            &[
                ("least-privilege", "unmet"),
                ("limits-declared", "unmet"),
                ("resource-limits", "unmet"),
                ("root-read-only", "unmet"),
                ("secrets-absent", "unmet"),
            ],
        )],
        code: 1,
        says: "container block-cloud-metadata is privileged",
        ..CLEAN
    },
];

/// Adds a Rollout of the shop's template.
fn rolled_out(shop: &mut Shop, kind: &Kind, change: fn(&mut Value)) {
    let mut template = shop.template().clone();
    template["metadata"]["labels"] = json!({ "app": "rolled" });
    change(&mut template["spec"]);
    let spec = json!({
        "replicas": 1,
        "selector": { "matchLabels": { "app": "rolled" } },
        "strategy": { "canary": { "steps": [{ "setWeight": 20 }, { "pause": {} }] } },
        "template": template,
    });
    shop.others.push(kind.object("rolled", &spec));
}

/// Makes the ReplicaSets of a Rollout as its controller does: the present one, and one of an earlier revision without replicas, whose
/// template is not judged.
fn replica_sets(namespace: &Namespace<'_>, kind: &Kind) {
    let rollout = namespace.get(&[&kind.resource(), "rolled"]);
    let owner = json!({
        "apiVersion": rollout["apiVersion"],
        "kind": rollout["kind"],
        "name": "rolled",
        "uid": rollout["metadata"]["uid"],
        "controller": true,
        "blockOwnerDeletion": true,
    });
    for (hash, replicas) in [("6f7d", 1), ("5c4b", 0)] {
        let name = format!("rolled-{hash}");
        let mut template = rollout["spec"]["template"].clone();
        let labels = json!({ "app": "rolled", "rollouts-pod-template-hash": hash });
        template["metadata"]["labels"] = labels.clone();
        if replicas == 0 {
            template["spec"].as_object_mut().unwrap().remove("runtimeClassName");
        }
        namespace.apply(&json!({
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": { "name": name, "labels": labels, "ownerReferences": [owner] },
            "spec": { "replicas": replicas, "selector": { "matchLabels": labels }, "template": template },
        }));
    }
    wait(namespace, "jsonpath={.status.availableReplicas}=1", "replicaset/rolled-6f7d");
}

/// Returns a StatefulSet with a claim of this StorageClass for its pod.
fn stateful_set(class: &str) -> Value {
    let mut set = stage::cluster::deployment("data");
    set["kind"] = json!("StatefulSet");
    set["spec"]["serviceName"] = json!("data");
    let pod = &mut set["spec"]["template"]["spec"];
    pod["containers"][0]["volumeMounts"] = json!([{ "name": "disk", "mountPath": "/data" }]);
    set["spec"]["volumeClaimTemplates"] = json!([{
        "metadata": { "name": "disk" },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": class,
            "resources": { "requests": { "storage": "1Mi" } },
        },
    }]);
    set
}

/// Lends a StorageClass with one volume of the unknown driver.
fn disk<'a>(cluster: &'a Cluster, class: &str) -> Vec<Loan<'a>> {
    let storage_class = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": { "name": class },
        "provisioner": "kubernetes.io/no-provisioner",
    });
    let volume = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": { "name": class },
        "spec": {
            "capacity": { "storage": "1Mi" },
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": class,
            "csi": { "driver": DRIVER, "volumeHandle": class },
        },
    });
    [storage_class, volume].map(|object| cluster.lend(object)).into()
}

/// Waits until the claim has its volume. The pod waits for the driver, which does not exist.
fn bound(namespace: &Namespace<'_>) {
    wait(namespace, "jsonpath={.status.phase}=Bound", "persistentvolumeclaim/disk-data-0");
    wait(namespace, "condition=PodScheduled", "pod/data-0");
}

/// Returns a server that a hub spawned for a user: a pod without a workload.
fn server(template: &Value) -> Value {
    let mut spec = template["spec"].clone();
    let container = &mut spec["containers"][0];
    container["name"] = json!("notebook");
    container["ports"] = json!([{ "name": "notebook-port", "containerPort": 8888 }]);
    container["env"] = json!([
        { "name": "JUPYTERHUB_API_TOKEN", "value": "0707070707070707" },
        { "name": "JUPYTERHUB_USER", "value": "alice" },
        { "name": "MEM_LIMIT", "value": "67108864" },
    ]);
    spec["nodeSelector"] = json!({ POOL: ENFORCED });
    spec["enableServiceLinks"] = json!(false);
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "jupyter-alice",
            "labels": {
                "app": "jupyterhub",
                "component": "singleuser-server",
                "hub.jupyter.org/network-access-hub": "true",
                "hub.jupyter.org/username": "alice",
            },
            "annotations": { "hub.jupyter.org/username": "alice" },
        },
        "spec": spec,
    })
}

fn started(namespace: &Namespace<'_>) {
    wait(namespace, "condition=Ready", "pod/jupyter-alice");
}

fn wait(namespace: &Namespace<'_>, what: &str, object: &str) {
    let ended = namespace.kubectl(&["wait", &format!("--for={what}"), "--timeout=120s", object]);
    assert!(ended.status.success(), "{ended:#?}\n{}", namespace.kubectl(&["describe", "pods"]).out);
}

/// Returns the arguments for a policy file with this text.
fn policy_file(cluster: &Cluster, name: &str, text: &str) -> Vec<String> {
    let file = cluster.state().join(format!("{name}.toml"));
    fs::write(&file, text).unwrap();
    vec!["--policy".to_owned(), file.display().to_string()]
}
