//! Settings of workloads that production refuses, one per row.

use serde_json::{Value, json};

use stage::cluster::Shop;

use super::{CLEAN, Lacks, Row, runtime};

/// Outcomes of pods with a network that the probe does not have.
pub(crate) const OTHER_NETWORK: Lacks = &[
    ("api-server-blocked", "inconclusive"),
    ("closed-from-the-start", "inconclusive"),
    ("dns-contained", "inconclusive"),
    ("ingress-closed", "inconclusive"),
    ("metadata-blocked", "inconclusive"),
    ("neighbours-blocked", "inconclusive"),
    ("network-isolation", "inconclusive"),
    ("policies-enforced", "inconclusive"),
];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a container without a CPU limit",
        spoil: |shop| shop.container()["resources"] = json!({ "limits": { "memory": "64Mi" } }),
        lacks: &[("pod/web", &[("limits-declared", "unmet"), ("resource-limits", "unmet")])],
        code: 1,
        says: "container app has no memory limit or no CPU limit",
        ..CLEAN
    },
    Row {
        name: "a container without a memory limit",
        spoil: |shop| shop.container()["resources"] = json!({ "limits": { "cpu": "100m" } }),
        lacks: &[("pod/web", &[("limits-declared", "unmet"), ("resource-limits", "unmet")])],
        code: 1,
        says: "container app has no memory limit or no CPU limit",
        ..CLEAN
    },
    Row {
        name: "limits of the pod instead of its container's",
        spoil: |shop| {
            shop.container().as_object_mut().unwrap().remove("resources");
            shop.pod()["resources"] = json!({ "limits": { "cpu": "100m", "memory": "64Mi" } });
        },
        ..CLEAN
    },
    Row {
        name: "a container with the capability SYS_ADMIN",
        spoil: |shop| {
            shop.restricted = false;
            shop.container()["securityContext"]["capabilities"]["add"] = json!(["SYS_ADMIN"]);
        },
        lacks: &[("pod/web", &[("least-privilege", "unmet")])],
        code: 1,
        says: "container app adds the capability SYS_ADMIN",
        ..CLEAN
    },
    Row {
        name: "a container that runs as root",
        spoil: |shop| {
            shop.restricted = false;
            let context = &mut shop.pod()["securityContext"];
            context["runAsUser"] = json!(0);
            context["runAsNonRoot"] = json!(false);
        },
        lacks: &[("pod/web", &[("least-privilege", "unmet")])],
        code: 1,
        says: "container app may run as root",
        ..CLEAN
    },
    Row {
        // Kubernetes wants a user namespace for it (`hostUsers`), and no runtime of this cluster starts a pod in one.
        name: "a template with an unmasked /proc",
        spoil: |shop| {
            shop.restricted = false;
            shop.deployments[0]["spec"]["replicas"] = json!(0);
            shop.pod()["hostUsers"] = json!(false);
            shop.container()["securityContext"]["procMount"] = json!("Unmasked");
        },
        lacks: &[("deployment/web", &[("least-privilege", "unmet")])],
        code: 1,
        says: "container app has an unmasked /proc",
        ..CLEAN
    },
    Row {
        name: "a service account's token",
        spoil: |shop| shop.pod()["automountServiceAccountToken"] = json!(true),
        lacks: &[("pod/web", &[("no-token", "unmet")])],
        code: 1,
        says: "token for the API server is mounted",
        ..CLEAN
    },
    Row {
        name: "a Secret in a container's environment",
        spoil: |shop| {
            shop.others.push(json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "database" }, "stringData": { "key": "value" },
            }));
            shop.container()["envFrom"] = json!([{ "secretRef": { "name": "database" } }]);
        },
        lacks: &[("pod/web", &[("secrets-absent", "unmet")])],
        code: 1,
        says: "is given the Secret database",
        ..CLEAN
    },
    Row {
        name: "a credential that stands literally in a container's environment",
        spoil: |shop| shop.container()["env"] = json!([{ "name": "API_TOKEN", "value": "hunter2" }]),
        lacks: &[("pod/web", &[("secrets-absent", "unmet")])],
        code: 1,
        says: "is given a credential in the variable API_TOKEN of the container app",
        ..CLEAN
    },
    Row {
        name: "a writable root file system",
        spoil: |shop| shop.container()["securityContext"]["readOnlyRootFilesystem"] = json!(false),
        lacks: &[("pod/web", &[("root-read-only", "unmet")])],
        code: 1,
        says: "container app has a writable root file system",
        ..CLEAN
    },
    Row {
        name: "a privileged container",
        spoil: |shop| {
            shop.restricted = false;
            shop.container()["securityContext"] =
                json!({ "privileged": true, "readOnlyRootFilesystem": true });
        },
        lacks: &[("pod/web", &[("least-privilege", "unmet")])],
        code: 1,
        says: "container app is privileged",
        ..CLEAN
    },
    Row {
        name: "a container that asks for no seccomp profile",
        spoil: |shop| {
            shop.restricted = false;
            shop.container()["securityContext"]["seccompProfile"] = json!({ "type": "Unconfined" });
        },
        lacks: &[("pod/web", &[("least-privilege", "unmet")])],
        code: 1,
        says: "container app sets the seccomp profile Unconfined",
        ..CLEAN
    },
    Row {
        name: "no seccomp profile, under gVisor",
        spoil: profileless,
        says: "container app names no seccomp profile; gVisor answers",
        ..CLEAN
    },
    Row {
        name: "no seccomp profile, under runc",
        spoil: |shop| {
            profileless(shop);
            shop.pod()["runtimeClassName"] = json!("runc");
        },
        lacks: &[(
            "pod/web",
            &[
                ("least-privilege", "unmet"),
                ("runtime-class-exists", "unmet"),
                ("runtime-class-used", "unmet"),
                ("runtime-isolation", "unmet"),
                ("runtime-settings", "not-applicable"),
            ],
        )],
        code: 1,
        says: "container app names no seccomp profile, and only a kubelet with seccompDefault",
        ..CLEAN
    },
    Row {
        name: "annotations that network plugins write on every pod",
        spoil: |shop| {
            shop.template()["metadata"]["annotations"] = json!({
                "cni.projectcalico.org/containerID": "0707",
                "cni.projectcalico.org/podIP": "10.244.0.5/32",
                "k8s.ovn.org/pod-networks": r#"{"default":{"ip_addresses":["10.244.0.5/24"]}}"#,
                "k8s.v1.cni.cncf.io/network-status": r#"[{"name":"cbr0","default":true}]"#,
            });
        },
        ..CLEAN
    },
    Row {
        name: "a pod whose state lists a second network",
        spoil: |shop| {
            let status = r#"[{"name":"cbr0","default":true},{"name":"shop/lan","interface":"net1"}]"#;
            shop.template()["metadata"]["annotations"] =
                json!({ "k8s.v1.cni.cncf.io/network-status": status });
        },
        lacks: &[("pod/web", OTHER_NETWORK)],
        code: 3,
        says: "has a network of its own by the annotation k8s.v1.cni.cncf.io/network-status",
        ..CLEAN
    },
    Row {
        name: "a Job that has ended, and a Deployment's earlier revision",
        spoil: |shop| {
            let mut template = shop.template().clone();
            let pod = template["spec"].as_object_mut().unwrap();
            pod.remove("runtimeClassName");
            pod.insert("restartPolicy".to_owned(), json!("Never"));
            shop.others.push(json!({
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": { "name": "once" },
                // It ends as soon as it begins.
                "spec": { "activeDeadlineSeconds": 1, "backoffLimit": 0, "template": template },
            }));
        },
        then: |namespace| {
            let ended = namespace.kubectl(&["wait", "--for=condition=Failed", "--timeout=120s", "job/once"]);
            assert!(ended.status.success(), "{ended:#?}");
            namespace.apply(&earlier(&namespace.get(&["deployment", "web"])));
        },
        ..CLEAN
    },
    Row {
        name: "a ReplicaSet that nobody made, at zero and without a RuntimeClass",
        spoil: |shop| {
            let mut template = shop.template().clone();
            template["metadata"]["labels"] = json!({ "app": "idle" });
            template["spec"].as_object_mut().unwrap().remove("runtimeClassName");
            shop.others.push(replica_set("idle", &template));
        },
        lacks: &[("replicaset/idle", runtime::OWN_KERNEL), ("pod/web", runtime::OTHERS)],
        code: 1,
        says: "replicaset/idle names no RuntimeClass",
        ..CLEAN
    },
    Row {
        name: "a pod with the label of a probe pod",
        spoil: |shop| {
            let mut pod = shop.template().clone();
            pod["apiVersion"] = json!("v1");
            pod["kind"] = json!("Pod");
            pod["metadata"] =
                json!({ "name": "hidden", "labels": { "podproof.dev/run": "podproof-00000000" } });
            pod["spec"].as_object_mut().unwrap().remove("runtimeClassName");
            shop.others.push(pod);
        },
        then: |namespace| {
            let ended = namespace.kubectl(&["wait", "--for=condition=Ready", "--timeout=120s", "pod/hidden"]);
            assert!(ended.status.success(), "{ended:#?}");
        },
        lacks: &[("pod/hidden", runtime::OWN_KERNEL), ("pod/web", runtime::OTHERS)],
        code: 1,
        says: "pod/hidden names no RuntimeClass",
        ..CLEAN
    },
];

/// Returns the ReplicaSet of an earlier revision of a Deployment, which named no RuntimeClass.
fn earlier(deployment: &Value) -> Value {
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"]["pod-template-hash"] = json!("earlier");
    template["spec"].as_object_mut().unwrap().remove("runtimeClassName");
    let mut set = replica_set("web-earlier", &template);
    let uid = &deployment["metadata"]["uid"];
    set["metadata"]["ownerReferences"] = json!([{ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": uid, "controller": true }]);
    set
}

/// Returns a ReplicaSet without replicas.
fn replica_set(name: &str, template: &Value) -> Value {
    let labels = &template["metadata"]["labels"];
    json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": { "name": name, "labels": labels },
        "spec": { "replicas": 0, "selector": { "matchLabels": labels }, "template": template },
    })
}

fn profileless(shop: &mut Shop) {
    shop.restricted = false;
    shop.pod()["securityContext"].as_object_mut().unwrap().remove("seccompProfile");
}
