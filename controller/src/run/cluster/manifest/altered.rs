//! Comparison of an admitted pod with the pod that was sent. The API server fills in defaults, and admission plugins
//! may add harmless fields. Any other change could make the probe represent other pods, run elsewhere, or let another
//! program speak.

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Map, Value};

use crate::support::names::GVISOR_ANNOTATIONS;

/// Fields that the API server, its own admission plugins and a RuntimeClass fill in (apiserver,
/// `pkg/apis/core/v1/defaults.go`; plugins `ServiceAccount`, `Priority`, `DefaultTolerationSeconds`, `RuntimeClass`,
/// `LimitRanger`). A path with a final dot allows any field below it.
const FILLED_IN: &[&str] = &[
    "metadata.annotations.",
    "metadata.creationTimestamp",
    "metadata.generation",
    "metadata.managedFields",
    "metadata.resourceVersion",
    "metadata.uid",
    "spec.containers.resources.",
    "spec.containers.terminationMessagePath",
    "spec.containers.terminationMessagePolicy",
    "spec.dnsPolicy",
    "spec.imagePullSecrets",
    "spec.nodeSelector",
    "spec.nodeSelector.",
    "spec.overhead",
    "spec.preemptionPolicy",
    "spec.priority",
    "spec.priorityClassName",
    "spec.schedulerName",
    "spec.serviceAccount",
    "spec.serviceAccountName",
    "spec.tolerations",
    "status",
];
/// The field that the plugin `AlwaysPullImages` changes; the image itself is compared by its digest.
const CHANGED_FREELY: &str = "spec.containers.imagePullPolicy";
/// The field that may grow: extra tolerations never exclude a node.
const GROWS: &str = "spec.tolerations";

/// Returns the first change that matters; `None` if there is none.
pub fn altered(sent: &Pod, admitted: &Pod) -> Option<String> {
    let (Ok(sent), Ok(admitted)) = (serde_json::to_value(sent), serde_json::to_value(admitted)) else {
        return Some("the pod cannot be compared with the pod that was sent".to_owned());
    };
    differs(&sent, &admitted, "")
}

fn differs(sent: &Value, admitted: &Value, path: &str) -> Option<String> {
    match (sent, admitted) {
        (Value::Object(sent), Value::Object(admitted)) => objects_differ(sent, admitted, path),
        (Value::Array(sent), Value::Array(admitted)) => {
            if sent.len() != admitted.len() && !(path == GROWS && sent.len() < admitted.len()) {
                return Some(format!("{path} has {} entries instead of {}", admitted.len(), sent.len()));
            }
            let grown = |entry: &Value| path == GROWS && admitted.contains(entry);
            let mut pairs = sent.iter().zip(admitted).filter(|(sent, _)| !grown(sent));
            pairs.find_map(|(sent, admitted)| differs(sent, admitted, path))
        }
        _ if sent == admitted || path == CHANGED_FREELY => None,
        _ => Some(format!("{path} was changed to {admitted}")),
    }
}

fn objects_differ(sent: &Map<String, Value>, admitted: &Map<String, Value>, path: &str) -> Option<String> {
    let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let removed = sent.keys().find(|key| !admitted.contains_key(*key));
    if let Some(key) = removed.filter(|key| !is_empty(sent.get(*key))) {
        return Some(format!("{} was removed", at(key)));
    }
    admitted.iter().find_map(|(key, value)| match sent.get(key) {
        Some(sent) => differs(sent, value, &at(key)),
        None if is_filled_in(&at(key)) && !key.starts_with(GVISOR_ANNOTATIONS) || is_empty(Some(value)) => {
            None
        }
        None => Some(format!("{} was added: {}", at(key), excerpt(value))),
    })
}

fn is_filled_in(path: &str) -> bool {
    FILLED_IN.iter().any(|filled| *filled == path || (filled.ends_with('.') && path.starts_with(filled)))
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Null) | None => true,
        Some(_) => false,
    }
}

/// Returns the name of an added value, or its beginning: a webhook may add values of any length.
fn excerpt(value: &Value) -> String {
    let name = value.pointer("/0/name").or_else(|| value.pointer("/name")).and_then(Value::as_str);
    name.map_or_else(|| value.to_string().chars().take(80).collect(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec, Toleration};

    use super::*;
    use crate::{case::cluster::Group, run::cluster::manifest};

    fn spec(pod: &mut Pod) -> &mut PodSpec {
        pod.spec.as_mut().unwrap()
    }

    fn pod() -> Pod {
        let common = manifest::Common {
            run: "podproof-1".into(),
            image: "example.invalid/probe:1".into(),
            lifetime: std::time::Duration::from_secs(9),
            token: proto::Nonce([7; 16]),
        };
        let group = Group { node: Some("one".into()), ..Group::default() };
        manifest::probe(&common, "shop", &manifest::owner("podproof-1", "shop"), &group, 0)
    }

    #[test]
    fn defaults_are_no_change() {
        let mut admitted = pod();
        admitted.metadata.uid = Some("7".into());
        admitted
            .metadata
            .annotations
            .as_mut()
            .unwrap()
            .insert("kubernetes.io/limit-ranger".into(), "set".into());
        spec(&mut admitted).scheduler_name = Some("default-scheduler".into());
        spec(&mut admitted).tolerations = Some(vec![Toleration::default()]);
        spec(&mut admitted).containers[0].image_pull_policy = Some("Always".into());
        assert_eq!(altered(&pod(), &admitted), None);
    }

    #[test]
    fn each_relevant_change_is_named() {
        type Change = fn(&mut Pod);
        let changes: [(&str, Change); 10] = [
            ("metadata.labels.a was added", |pod| {
                drop(pod.metadata.labels.as_mut().unwrap().insert("a".into(), "b".into()));
            }),
            ("dev.gvisor.flag.net-raw was added", |pod| {
                let annotations = pod.metadata.annotations.as_mut().unwrap();
                annotations.insert("dev.gvisor.flag.net-raw".into(), "true".into());
            }),
            ("ownerReferences was removed", |pod| pod.metadata.owner_references = None),
            ("spec.containers has 2 entries", |pod| {
                let sidecar = Container { name: "sidecar".into(), ..Container::default() };
                spec(pod).containers.push(sidecar);
            }),
            ("initContainers was added: early", |pod| {
                let early = Container { name: "early".into(), ..Container::default() };
                spec(pod).init_containers = Some(vec![early]);
            }),
            ("runtimeClassName was added", |pod| spec(pod).runtime_class_name = Some("runc".into())),
            ("image was changed", |pod| spec(pod).containers[0].image = Some("other".into())),
            ("env was added", |pod| {
                spec(pod).containers[0].env = Some(vec![EnvVar::default()]);
            }),
            ("affinity was removed", |pod| spec(pod).affinity = None),
            ("nodeName was added", |pod| spec(pod).node_name = Some("two".into())),
        ];
        for (word, change) in changes {
            let mut admitted = pod();
            change(&mut admitted);
            let told = altered(&pod(), &admitted).unwrap_or_default();
            assert!(told.contains(word), "{word}: {told}");
        }
    }
}
