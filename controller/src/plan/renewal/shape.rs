//! The shape of a pod or a pod template: a digest of the parts that may change a verdict, alike for pods that differ in their
//! program, its arguments and the values of its variables alone. A credential among the arguments and the values counts, but not its
//! value.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{
    case::{
        cluster::{Labels, annotations},
        policy::OF_ONE_POD,
    },
    support::{credentials, digest::sha256},
};

/// Fields of a pod's specification that are others for each pod of a workload, or that change no verdict.
const OF_NO_POD: &[&str] = &[
    "activeDeadlineSeconds",
    "hostname",
    "imagePullSecrets",
    "nodeName",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "restartPolicy",
    "schedulerName",
    "schedulingGates",
    "subdomain",
    "terminationGracePeriodSeconds",
];
/// Fields of a container that change no verdict.
const OF_NO_CONTAINER: &[&str] =
    &["args", "command", "imagePullPolicy", "terminationMessagePolicy", "workingDir"];
/// Fields of a container by which the kubelet itself may ask a host. Nothing else of them counts.
const KUBELETS: &[&str] = &["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"];
/// Fields of an ephemeral container that change no verdict.
const OF_NO_VISITOR: &[&str] = &["name", "stdin", "stdinOnce", "targetContainerName", "tty"];
/// The beginning of the name of the volume that holds a pod's token, which ends with a random part (kubernetes.io, "Managing Service
/// Accounts", "Bound service account token volume mechanism").
const TOKEN_VOLUME: &str = "kube-api-access-";
/// The workloads whose templates are watched, by API group and kind. Their pods add nothing but their nodes.
const MAKERS: &[(&str, &[&str])] = &[
    ("apps/v1", &["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]),
    ("batch/v1", &["CronJob", "Job"]),
    ("v1", &["ReplicationController"]),
];

/// The workloads that Kubernetes makes of another one, with the API group and the kind of that. A reference to any other maker is
/// written by a person or an operator, and tells nothing of the template (kubernetes.io, "Owners and Dependents").
const MADE: &[(&str, &str, &str)] =
    &[("replicaset", "apps/v1", "Deployment"), ("job", "batch/v1", "CronJob")];

/// The shape of a pod or a pod template.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Shape {
    /// The digest of the parts that may change a verdict.
    pub(super) digest: String,
    /// The keys of the node labels by which the pods choose their nodes.
    pub(super) keys: BTreeSet<String>,
}

/// Returns true for a kind of workload that Kubernetes makes of another one, both in small letters.
pub(crate) fn is_made_of_kind(kind: &str, maker: &str) -> bool {
    MADE.iter().any(|(made, _, makers)| *made == kind && makers.eq_ignore_ascii_case(maker))
}

/// Returns true for the metadata of a workload that Kubernetes makes of a watched one, whose template it has.
pub(crate) fn is_represented(kind: &str, metadata: &Value) -> bool {
    controllers(metadata).any(|owner| {
        MADE.iter().any(|(made, version, maker)| {
            *made == kind && owner["apiVersion"] == *version && owner["kind"] == *maker
        })
    })
}

/// Returns true for the metadata of a pod that a watched workload made.
fn is_made(metadata: &Value) -> bool {
    controllers(metadata).any(|owner| {
        MAKERS.iter().any(|(version, kinds)| {
            owner["apiVersion"] == *version && kinds.iter().any(|kind| owner["kind"] == *kind)
        })
    })
}

/// Returns the references of an object to its controllers.
fn controllers(metadata: &Value) -> impl Iterator<Item = &Value> {
    let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
    owners.filter(|owner| owner["controller"] == true)
}

/// Returns the shape of a pod or a pod template, given as JSON with `metadata` and `spec`. The parts of a pod that a watched workload
/// gives each of its pods for itself count for nothing.
pub(crate) fn shape(pod: &Value) -> Shape {
    let metadata = &pod["metadata"];
    let mut spec = specification(&pod["spec"]);
    if is_made(metadata) {
        as_siblings(&mut spec);
    }
    let labels = kept(&metadata["labels"], |key| !OF_ONE_POD.contains(&key));
    let annotations = metadata["annotations"].as_object().into_iter().flatten();
    let annotations: Labels =
        annotations.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
    let keys = keys(&spec);
    let digest = sha256(json!([labels, annotations::read(&annotations), spec]).to_string().as_bytes());
    Shape { digest, keys }
}

/// Returns the keys of the node labels in a node selector and in a required node affinity.
fn keys(spec: &Map<String, Value>) -> BTreeSet<String> {
    let place = "/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let terms = spec.get("affinity").and_then(|affinity| affinity.pointer(place));
    let terms = terms.and_then(Value::as_array).into_iter().flatten();
    let requirements = terms.filter_map(|term| term["matchExpressions"].as_array()).flatten();
    let of_affinity = requirements.filter_map(|requirement| requirement["key"].as_str());
    let selector = spec.get("nodeSelector").and_then(Value::as_object).into_iter().flatten();
    selector.map(|(key, _)| key.as_str()).chain(of_affinity).map(str::to_owned).collect()
}

/// Removes the parts of a specification that are others for each pod of a workload: the claims of a StatefulSet, and the node of a
/// DaemonSet's pod (kubernetes.io, "DaemonSet", "How Daemon Pods are scheduled").
fn as_siblings(spec: &mut Map<String, Value>) {
    spec.remove("affinity");
    let volumes = spec.get_mut("volumes").and_then(Value::as_array_mut);
    for volume in volumes.into_iter().flatten() {
        if let Some(claim) = volume.get_mut("persistentVolumeClaim").and_then(Value::as_object_mut) {
            claim.remove("claimName");
        }
    }
}

fn specification(spec: &Value) -> Map<String, Value> {
    let mut parts = kept(spec, |key| !OF_NO_POD.contains(&key));
    for containers in ["containers", "initContainers"] {
        if let Some(list) = spec[containers].as_array() {
            parts.insert(containers.to_owned(), list.iter().map(container).collect());
        }
    }
    if let Some(list) = spec["ephemeralContainers"].as_array() {
        let visitors: BTreeSet<_> = list.iter().map(|it| visitor(it).to_string()).collect();
        parts.insert("ephemeralContainers".to_owned(), visitors.into_iter().collect());
    }
    if let Some(volumes) = spec["volumes"].as_array() {
        let others = volumes.iter().filter(|volume| !is_of_the_token(&volume["name"]));
        parts.insert("volumes".to_owned(), others.cloned().collect());
    }
    parts
}

fn container(container: &Value) -> Value {
    let counts = |key: &str| !OF_NO_CONTAINER.contains(&key) && !KUBELETS.contains(&key);
    let mut parts = kept(container, counts);
    parts.insert("asksHost".to_owned(), KUBELETS.iter().any(|field| names_host(&container[field])).into());
    parts.insert("credentials".to_owned(), credentials_of(container).into());
    let is_pinned = container["image"].as_str().is_some_and(|image| image.contains('@'));
    parts.insert("image".to_owned(), is_pinned.into());
    if let Some(variables) = container["env"].as_array() {
        let named = variables.iter().map(|it| kept(it, |key| key != "value")).map(Value::Object);
        parts.insert("env".to_owned(), named.collect());
    }
    if let Some(mounts) = container["volumeMounts"].as_array() {
        let others = mounts.iter().filter(|mount| !is_of_the_token(&mount["name"]));
        parts.insert("volumeMounts".to_owned(), others.cloned().collect());
    }
    Value::Object(parts)
}

/// Returns an ephemeral container as it counts: the visits of all runs with `--live` are alike.
fn visitor(ephemeral: &Value) -> Value {
    let mut parts = container(ephemeral);
    if let Some(parts) = parts.as_object_mut() {
        parts.retain(|key, _| !OF_NO_VISITOR.contains(&key.as_str()));
    }
    if let Some(context) = parts.get_mut("securityContext").and_then(Value::as_object_mut) {
        let is_root = context.get("runAsUser").is_some_and(|user| *user == 0);
        context.retain(|key, _| !["runAsGroup", "runAsUser"].contains(&key.as_str()));
        context.insert("isRoot".to_owned(), is_root.into());
    }
    parts
}

/// Returns true if a check or a hook of a container names a host.
fn names_host(handler: &Value) -> bool {
    match handler {
        Value::Object(fields) => fields.iter().any(|(key, value)| match (key.as_str(), value) {
            ("host", Value::String(host)) => !host.is_empty(),
            _ => names_host(value),
        }),
        _ => false,
    }
}

/// Returns the literal credentials in a container's variables and command, each by its place.
fn credentials_of(container: &Value) -> Vec<String> {
    let variables = container["env"].as_array().into_iter().flatten();
    let variables = variables.filter_map(|it| {
        let (name, value) = (it["name"].as_str()?, it["value"].as_str()?);
        credentials::is_credential(name, value).then(|| name.to_owned())
    });
    let lists = [&container["command"], &container["args"]].into_iter().filter_map(Value::as_array);
    let words: Vec<_> = lists.flatten().filter_map(Value::as_str).collect();
    variables.chain(credentials::of_command(&words)).collect()
}

fn is_of_the_token(name: &Value) -> bool {
    name.as_str().is_some_and(|name| name.starts_with(TOKEN_VOLUME))
}

/// Returns the fields of an object whose names are to be kept; none of any other value.
fn kept(object: &Value, keeps: impl Fn(&str) -> bool) -> Map<String, Value> {
    let fields = object.as_object().into_iter().flatten().filter(|(key, _)| keeps(key));
    fields.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
impl From<&str> for Shape {
    fn from(digest: &str) -> Self {
        Self { digest: digest.to_owned(), keys: BTreeSet::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Value {
        json!({
            "metadata": { "name": "web-1", "labels": { "app": "web", "pod-template-hash": "1" } },
            "spec": {
                "runtimeClassName": "gvisor",
                "nodeName": "one",
                "containers": [{
                    "name": "app",
                    "image": "registry.example/web:1",
                    "args": ["--port=1"],
                    "env": [{ "name": "COLOUR", "value": "red" }],
                    "volumeMounts": [{ "name": "kube-api-access-x1", "mountPath": "/token" }],
                }],
                "volumes": [{ "name": "kube-api-access-x1", "projected": {} }],
            },
        })
    }

    /// Returns true if a pod with this value at a place has another shape.
    fn counts(place: &str, value: &Value) -> bool {
        let mut other = pod();
        put(&mut other, place, value.clone());
        shape(&other) != shape(&pod())
    }

    /// Puts a value at a place, of which the last name may be new.
    fn put(pod: &mut Value, place: &str, value: Value) {
        let (parent, name) = place.rsplit_once('/').unwrap();
        pod.pointer_mut(parent).unwrap()[name.replace("~1", "/")] = value;
    }

    const CONTAINER: &str = "/spec/containers/0";

    #[test]
    fn a_part_that_no_judge_reads_keeps_the_shape() {
        for (place, value) in [
            ("/metadata/name", json!("web-2")),
            ("/metadata/labels/pod-template-hash", json!("2")),
            ("/metadata/annotations", json!({ "kubectl.kubernetes.io/restartedAt": "x" })),
            ("/metadata/annotations", json!({ "cni.projectcalico.org/podIP": "10.244.0.5/32" })),
            ("/metadata/annotations", json!({ "k8s.v1.cni.cncf.io/network-status": "[]" })),
            ("/spec/nodeName", json!("two")),
            ("/spec/hostname", json!("web-2")),
            ("/spec/priority", json!(7)),
            ("/spec/containers/0/image", json!("registry.example/web:2")),
            ("/spec/containers/0/args", json!([])),
            ("/spec/containers/0/env/0/value", json!("blue")),
            ("/spec/containers/0/livenessProbe", json!({ "httpGet": { "port": 80, "path": "/host" } })),
        ] {
            assert!(!counts(place, &value), "{place}: {value}");
        }
    }

    /// Each part of a pod or a template that the survey reads for a judge.
    #[test]
    fn a_part_that_a_judge_reads_is_another_shape() {
        let other = json!({ "name": "other" });
        for (place, value) in [
            ("/metadata/labels/app", json!("api")),
            ("/metadata/annotations", json!({ "dev.gvisor.spec.mount.a.type": "bind" })),
            ("/metadata/annotations", json!({ "k8s.v1.cni.cncf.io/networks": "open-net" })),
            ("/metadata/annotations", json!({ "v1.multus-cni.io/default-network": "open" })),
            (
                "/metadata/annotations",
                json!({ "container.apparmor.security.beta.kubernetes.io/app": "unconfined" }),
            ),
            ("/metadata/annotations", json!({ "sidecar.istio.io/inject": "false" })),
            ("/metadata/annotations", json!({ "vault.hashicorp.com/agent-inject": "true" })),
            ("/spec/affinity", json!({ "nodeAffinity": {} })),
            ("/spec/automountServiceAccountToken", json!(false)),
            ("/spec/dnsConfig", json!({ "nameservers": ["192.0.2.1"] })),
            (
                "/spec/ephemeralContainers",
                json!([{ "name": "debug", "securityContext": { "privileged": true } }]),
            ),
            ("/spec/hostIPC", json!(true)),
            ("/spec/hostNetwork", json!(true)),
            ("/spec/hostPID", json!(true)),
            ("/spec/initContainers", json!([other])),
            ("/spec/nodeSelector", json!({ "pool": "batch" })),
            ("/spec/resourceClaims", json!([other])),
            ("/spec/resources", json!({ "limits": { "memory": "1Gi" } })),
            ("/spec/runtimeClassName", json!("runc")),
            ("/spec/securityContext", json!({ "sysctls": [other] })),
            ("/spec/serviceAccountName", json!("other")),
            ("/spec/tolerations", json!([{ "operator": "Exists" }])),
            ("/spec/volumes", json!([{ "name": "host", "hostPath": { "path": "/" } }])),
            ("/spec/containers/0/args", json!(["--password=hunter2"])),
            ("/spec/containers/0/command", json!(["sh", "-c", "API_TOKEN=hunter2 run"])),
            ("/spec/containers/0/env/0/name", json!("TOKEN")),
            ("/spec/containers/0/env/0/value", json!("postgres://app:hunter2@db/shop")),
            ("/spec/containers/0/env/0/valueFrom", json!({ "secretKeyRef": other })),
            ("/spec/containers/0/envFrom", json!([{ "secretRef": other }])),
            ("/spec/containers/0/image", json!("registry.example/web@sha256:00")),
            ("/spec/containers/0/lifecycle", json!({ "preStop": { "httpGet": { "host": "192.0.2.1" } } })),
            ("/spec/containers/0/livenessProbe", json!({ "tcpSocket": { "host": "192.0.2.1" } })),
            ("/spec/containers/0/ports", json!([{ "containerPort": 80, "hostPort": 80 }])),
            ("/spec/containers/0/readinessProbe", json!({ "httpGet": { "host": "192.0.2.1" } })),
            ("/spec/containers/0/resources", json!({ "limits": { "example.com/gpu": 1 } })),
            ("/spec/containers/0/securityContext", json!({ "privileged": true })),
            ("/spec/containers/0/startupProbe", json!({ "httpGet": { "host": "192.0.2.1" } })),
            ("/spec/containers/0/terminationMessagePath", json!("/srv/end")),
            ("/spec/containers/0/volumeDevices", json!([other])),
            ("/spec/containers/0/volumeMounts", json!([other])),
        ] {
            assert!(counts(place, &value), "{place}: {value}");
            let mut made = pod();
            made["metadata"]["ownerReferences"] = owner("ReplicaSet");
            let before = shape(&made);
            put(&mut made, place, value.clone());
            // The template tells where the pods of a workload may run.
            assert_eq!(shape(&made) == before, place == "/spec/affinity", "of a workload, {place}: {value}");
        }
    }

    #[test]
    fn a_shape_has_the_keys_of_the_labels_by_which_its_pods_choose_their_nodes() {
        let mut pod = pod();
        pod["spec"]["nodeSelector"] = json!({ "pool": "a" });
        let terms = json!([{ "matchExpressions": [{ "key": "disk", "operator": "Exists" }] }]);
        let required = json!({ "nodeSelectorTerms": terms });
        pod["spec"]["affinity"] =
            json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": required } });
        assert_eq!(shape(&pod).keys, ["disk", "pool"].map(str::to_owned).into());
    }

    #[test]
    fn a_further_visit_keeps_the_shape() {
        let visited = |names: &[&str], user: u32| {
            let visit = |name: &&str| {
                let context = json!({ "runAsUser": user, "runAsGroup": user, "privileged": false });
                json!({ "name": name, "targetContainerName": "app", "securityContext": context })
            };
            let mut pod = pod();
            put(&mut pod, "/spec/ephemeralContainers", names.iter().map(visit).collect());
            shape(&pod)
        };
        assert_eq!(visited(&["podproof-1"], 61_000), visited(&["podproof-1", "podproof-2"], 62_000));
        assert_ne!(visited(&["podproof-1"], 61_000), visited(&["podproof-1"], 0));
    }

    #[test]
    fn another_value_of_a_credential_keeps_the_shape() {
        let with = |value: &str| {
            let mut pod = pod();
            put(
                &mut pod,
                &format!("{CONTAINER}/env/0/value"),
                json!(format!("postgres://app:{value}@db/shop")),
            );
            shape(&pod)
        };
        assert_eq!(with("hunter2"), with("hunter3"));
    }

    #[test]
    fn another_token_volume_keeps_the_shape() {
        let mut other = pod();
        for place in ["/spec/volumes/0/name", "/spec/containers/0/volumeMounts/0/name"] {
            put(&mut other, place, json!("kube-api-access-x2"));
        }
        assert_eq!(shape(&other), shape(&pod()));
    }

    fn owner(kind: &str) -> Value {
        json!([{ "apiVersion": "apps/v1", "kind": kind, "name": "web", "controller": true }])
    }

    #[test]
    fn a_replica_has_the_shape_of_its_siblings() {
        let replica = |claim: &str, node: &str, address: &str| {
            let mut pod = pod();
            pod["metadata"]["ownerReferences"] = owner("StatefulSet");
            pod["metadata"]["annotations"] =
                json!({ "vpc.amazonaws.com/pod-eni": address, "cni.projectcalico.org/podIP": address });
            pod["spec"]["volumes"] =
                json!([{ "name": "data", "persistentVolumeClaim": { "claimName": claim } }]);
            let field = json!({ "key": "metadata.name", "operator": "In", "values": [node] });
            pod["spec"]["affinity"] = json!({ "nodeAffinity": { "matchFields": [field] } });
            shape(&pod)
        };
        assert_eq!(replica("data-web-0", "one", "10.0.0.5"), replica("data-web-1", "two", "10.0.0.6"));
    }

    #[test]
    fn an_operators_pod_is_represented_by_nobody() {
        let made_by = |version: &str, kind: &str| {
            let owner = json!({ "apiVersion": version, "kind": kind, "name": "a", "controller": true });
            is_made(&json!({ "ownerReferences": [owner] }))
        };
        assert!(made_by("batch/v1", "Job") && !made_by("agents.x-k8s.io/v1alpha1", "Sandbox"));
    }
}
