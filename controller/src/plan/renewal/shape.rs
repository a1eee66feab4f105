//! The shape of a pod or a pod template: a digest of the parts that may change a verdict, alike for pods that differ in their
//! program, its arguments and the values of its variables alone.

use serde_json::{Map, Value, json};

use crate::{
    case::policy::OF_ONE_POD,
    support::{digest::sha256, names::GVISOR_ANNOTATIONS},
};

/// Fields of a pod's specification that are others for each pod of a workload, or that change no verdict.
const OF_NO_POD: &[&str] = &[
    "activeDeadlineSeconds",
    // A run with `--live` adds one.
    "ephemeralContainers",
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
const OF_NO_CONTAINER: &[&str] = &[
    "args",
    "command",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "workingDir",
];
/// The beginning of the name of the volume that holds a pod's token, which ends with a random part (kubernetes.io, "Managing Service
/// Accounts", "Bound service account token volume mechanism").
const TOKEN_VOLUME: &str = "kube-api-access-";
/// The workloads whose templates are watched, by API group and kind. Their pods add nothing but their nodes.
const MAKERS: &[(&str, &[&str])] = &[
    ("apps/v1", &["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]),
    ("batch/v1", &["CronJob", "Job"]),
    ("v1", &["ReplicationController"]),
];

/// Returns true for the metadata of an object that a watched workload made.
pub(crate) fn is_represented(metadata: &Value) -> bool {
    let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
    let makers = owners.filter(|owner| owner["controller"] == true);
    let is_watched = |owner: &Value| {
        MAKERS.iter().any(|(version, kinds)| {
            owner["apiVersion"] == *version && kinds.iter().any(|kind| owner["kind"] == *kind)
        })
    };
    makers.into_iter().any(is_watched)
}

/// Returns the shape of a pod or a pod template, given as JSON with `metadata` and `spec`. Of a pod that a watched workload made, only
/// the parts count by which policies and gVisor tell pods apart.
pub(crate) fn shape(pod: &Value) -> String {
    let metadata = &pod["metadata"];
    let spec = if is_represented(metadata) {
        json!({ "runtimeClassName": pod.pointer("/spec/runtimeClassName") })
    } else {
        specification(&pod["spec"])
    };
    let labels = kept(&metadata["labels"], |key| !OF_ONE_POD.contains(&key));
    let annotations = kept(&metadata["annotations"], |key| key.starts_with(GVISOR_ANNOTATIONS));
    sha256(json!([labels, annotations, spec]).to_string().as_bytes())
}

fn specification(spec: &Value) -> Value {
    let mut parts = kept(spec, |key| !OF_NO_POD.contains(&key));
    for containers in ["containers", "initContainers"] {
        if let Some(list) = spec[containers].as_array() {
            parts.insert(containers.to_owned(), list.iter().map(container).collect());
        }
    }
    if let Some(volumes) = spec["volumes"].as_array() {
        let others = volumes.iter().filter(|volume| !is_of_the_token(&volume["name"]));
        parts.insert("volumes".to_owned(), others.cloned().collect());
    }
    Value::Object(parts)
}

fn container(container: &Value) -> Value {
    let mut parts = kept(container, |key| !OF_NO_CONTAINER.contains(&key));
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

fn is_of_the_token(name: &Value) -> bool {
    name.as_str().is_some_and(|name| name.starts_with(TOKEN_VOLUME))
}

/// Returns the fields of an object whose names are to be kept; none of any other value.
fn kept(object: &Value, keeps: impl Fn(&str) -> bool) -> Map<String, Value> {
    let fields = object.as_object().into_iter().flatten().filter(|(key, _)| keeps(key));
    fields.map(|(key, value)| (key.clone(), value.clone())).collect()
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

    /// Returns true if the pod has the same shape with other values at these paths.
    fn is_alike(changed: &[(&str, Value)]) -> bool {
        let mut other = pod();
        for (path, value) in changed {
            *other.pointer_mut(path).unwrap() = value.clone();
        }
        shape(&other) == shape(&pod())
    }

    #[test]
    fn another_program_and_another_node_keep_the_shape() {
        let container = "/spec/containers/0";
        for (path, value) in [
            (format!("{container}/image"), json!("registry.example/web:2")),
            (format!("{container}/args"), json!([])),
            (format!("{container}/env/0/value"), json!("blue")),
            ("/spec/nodeName".into(), json!("two")),
            ("/metadata/name".into(), json!("web-2")),
            ("/metadata/labels/pod-template-hash".into(), json!("2")),
        ] {
            assert!(is_alike(&[(&path, value)]), "{path}");
        }
    }

    #[test]
    fn another_token_volume_keeps_the_shape() {
        let name = json!("kube-api-access-x2");
        let paths = ["/spec/volumes/0/name", "/spec/containers/0/volumeMounts/0/name"];
        assert!(is_alike(&paths.map(|path| (path, name.clone()))));
    }

    #[test]
    fn another_class_label_image_pin_or_volume_is_another_shape() {
        let container = "/spec/containers/0";
        for (path, value) in [
            ("/spec/runtimeClassName".into(), json!("runc")),
            ("/metadata/labels/app".into(), json!("api")),
            (format!("{container}/image"), json!("registry.example/web@sha256:00")),
            (format!("{container}/env/0/name"), json!("TOKEN")),
            ("/spec/volumes".into(), json!([{ "name": "host", "hostPath": { "path": "/" } }])),
        ] {
            assert!(!is_alike(&[(&path, value)]), "{path}");
        }
    }

    #[test]
    fn an_annotation_counts_if_gvisor_reads_it() {
        let with = |key: &str| {
            let mut pod = pod();
            pod["metadata"]["annotations"] = json!({ key: "x" });
            shape(&pod) == shape(&self::pod())
        };
        assert!(with("kubectl.kubernetes.io/restartedAt") && !with("dev.gvisor.spec.mount.a.type"));
    }

    #[test]
    fn a_replica_has_the_shape_of_its_siblings() {
        let replica = |claim: &str| {
            let mut pod = pod();
            pod["metadata"]["ownerReferences"] = json!([{ "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "controller": true }]);
            pod["spec"]["volumes"] =
                json!([{ "name": "data", "persistentVolumeClaim": { "claimName": claim } }]);
            shape(&pod)
        };
        assert_eq!(replica("data-web-0"), replica("data-web-1"));
    }

    #[test]
    fn an_operators_pod_is_represented_by_nobody() {
        let made_by = |version: &str, kind: &str| {
            let owner = json!({ "apiVersion": version, "kind": kind, "name": "a", "controller": true });
            is_represented(&json!({ "ownerReferences": [owner] }))
        };
        assert!(made_by("batch/v1", "Job") && !made_by("agents.x-k8s.io/v1alpha1", "Sandbox"));
    }
}
