//! The pod template of a custom object, beside the template that the object's controller made of it.

use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};
use serde::Serialize;
use serde_json::{Value, json};

use crate::case::cluster::annotations;

/// Returns true if a made template is at least the custom one in everything that isolates a pod. A controller adds labels,
/// containers, volumes and stricter settings; images and arguments do not count. An object may have templates of which nothing is
/// made yet, or may have changed since.
pub(super) fn is_made_of(made: &PodTemplateSpec, custom: &PodTemplateSpec) -> bool {
    let (Some(of_made), Some(of_custom)) = (&made.spec, &custom.spec) else { return false };
    // What a controller never adds, a removal of which a comparison of parts would miss.
    let strict = |spec: &PodSpec| {
        let of_host = [spec.host_network, spec.host_pid, spec.host_ipc];
        (spec.runtime_class_name.clone(), of_host.map(|it| it == Some(true)))
    };
    strict(of_made) == strict(of_custom) && contains(&isolation(made, of_made), &isolation(custom, of_custom))
}

/// Returns the parts of a template that isolate its pods.
fn isolation(template: &PodTemplateSpec, spec: &PodSpec) -> Value {
    let metadata = template.metadata.clone().unwrap_or_default();
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let containers = containers.map(|container| {
        // Some kinds let a container have no name.
        let name = Some(&container.name).filter(|name| !name.is_empty());
        json!({ "name": name, "securityContext": value(&container.security_context) })
    });
    json!({
        "labels": metadata.labels,
        "annotations": annotations::gvisor(&metadata.annotations.unwrap_or_default()),
        "serviceAccountName": spec.service_account_name,
        "automountServiceAccountToken": spec.automount_service_account_token,
        "securityContext": value(&spec.security_context),
        "volumes": value(&spec.volumes),
        "containers": containers.collect::<Vec<_>>(),
    })
}

/// Returns an object's fields as in its manifest.
fn value(object: &impl Serialize) -> Value {
    // An object of the API always has a form in JSON.
    serde_json::to_value(object).unwrap_or_default()
}

/// Returns true if one value has everything of another. Entries of a list are found by their names.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (_, Value::Null) => true,
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, value)| contains(whole.get(key).unwrap_or(&Value::Null), value))
        }
        (Value::Array(whole), Value::Array(part)) => {
            part.iter().all(|entry| whole.iter().any(|other| contains(other, entry)))
        }
        (whole, part) => whole == part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(template: &Value) -> PodTemplateSpec {
        serde_json::from_value(template.clone()).unwrap()
    }

    fn usual() -> Value {
        json!({
            "metadata": { "labels": { "app": "web" }, "annotations": { "dev.gvisor.spec.mount.a.type": "tmpfs" } },
            "spec": {
                "runtimeClassName": "gvisor",
                "containers": [{ "name": "app", "image": "web:1", "securityContext": { "runAsNonRoot": true } }],
                "volumes": [{ "name": "a", "emptyDir": {} }],
            },
        })
    }

    /// Returns true if a template with this change represents the usual custom one, and the other way round.
    fn both_ways(change: impl FnOnce(&mut Value)) -> [bool; 2] {
        let mut changed = usual();
        change(&mut changed);
        let (usual, changed) = (template(&usual()), template(&changed));
        [is_made_of(&changed, &usual), is_made_of(&usual, &changed)]
    }

    #[test]
    fn the_same_template_is_represented() {
        assert_eq!(both_ways(|_| ()), [true; 2]);
    }

    #[test]
    fn an_image_and_a_foreign_annotation_do_not_count() {
        let change = |template: &mut Value| {
            template["spec"]["containers"][0]["image"] = json!("web@sha256:00");
            template["metadata"]["annotations"]["example.com/a"] = json!("b");
        };
        assert_eq!(both_ways(change), [true; 2]);
    }

    #[test]
    fn a_runtime_class_that_one_of_both_lacks_counts() {
        assert_eq!(both_ways(|template| template["spec"]["runtimeClassName"] = Value::Null), [false; 2]);
    }

    #[test]
    fn a_namespace_of_the_host_in_one_of_both_counts() {
        for key in ["hostNetwork", "hostPID", "hostIPC"] {
            assert_eq!(both_ways(|template| template["spec"][key] = json!(true)), [false; 2], "{key}");
        }
    }

    /// The made template has more; the custom template with more is not made yet.
    #[test]
    fn an_addition_counts_in_the_custom_template_alone() {
        type Change = fn(&mut Value);
        let changes: [Change; 7] = [
            |template| template["metadata"]["labels"]["role"] = json!("worker"),
            |template| template["metadata"]["annotations"]["dev.gvisor.flag.debug"] = json!("true"),
            |template| template["spec"]["containers"][0]["securityContext"]["privileged"] = json!(true),
            |template| template["spec"]["securityContext"] = json!({ "runAsUser": 0 }),
            |template| template["spec"]["initContainers"] = json!([{ "name": "init" }]),
            |template| {
                template["spec"]["volumes"] =
                    json!([{ "name": "a", "emptyDir": {} }, { "name": "b", "hostPath": { "path": "/" } }]);
            },
            |template| template["spec"]["automountServiceAccountToken"] = json!(true),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert_eq!(both_ways(change), [true, false], "change {number}");
        }
    }

    #[test]
    fn a_container_without_a_name_is_found_by_its_settings() {
        let mut custom = usual();
        custom["spec"]["containers"][0]["name"] = json!("");
        assert!(is_made_of(&template(&usual()), &template(&custom)));
    }
}
