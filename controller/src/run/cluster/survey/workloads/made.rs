//! A pod template, beside the one that a controller made of it.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{PodSpec, PodTemplateSpec},
    apimachinery::pkg::api::resource::Quantity,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    case::cluster::{annotations, millis},
    run::cluster::survey::{admitted, credentials, loosened, secrets},
};

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

/// Returns a template of Knative with the RuntimeClass of the Deployment that was made of it, if it names none: the ConfigMap
/// `config-deployment` gives each Deployment its class (knative/serving, `pkg/deployment/config.go`, `PodRuntimeClassName`).
pub(super) fn with_class_of(made: &PodTemplateSpec, custom: &PodTemplateSpec) -> PodTemplateSpec {
    let mut custom = custom.clone();
    if let (Some(spec), Some(of_made)) = (&mut custom.spec, &made.spec) {
        spec.runtime_class_name =
            spec.runtime_class_name.take().or_else(|| of_made.runtime_class_name.clone());
    }
    custom
}

/// Returns true if a template is its maker's, or that of another revision which differs in images, programs and the labels of a
/// controller alone.
pub(super) fn is_revision_of(made: &PodTemplateSpec, maker: &PodTemplateSpec) -> bool {
    let bare = |template: &PodTemplateSpec| {
        let mut template = without_a_controllers(template);
        let metadata = template.metadata.take().unwrap_or_default();
        let spec = template.spec.get_or_insert_default();
        for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
            (container.image, container.command, container.args) = (None, None, None);
        }
        (metadata.labels, annotations::read(&metadata.annotations.unwrap_or_default()), template)
    };
    bare(made) == bare(maker)
}

/// Returns true if a template and a custom one isolate alike, but for the labels of a controller. The API server fills in the made
/// one alone.
pub(super) fn is_alike(made: &PodTemplateSpec, custom: &PodTemplateSpec) -> bool {
    let (made, custom) = (without_a_controllers(made), without_a_controllers(custom));
    is_made_of(&made, &custom) && is_made_of(&custom, &made)
}

/// Returns a template without the labels that a controller adds.
fn without_a_controllers(template: &PodTemplateSpec) -> PodTemplateSpec {
    let mut template = template.clone();
    let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    labels.retain(|key, _| !admitted::is_a_controllers(key));
    template
}

/// Returns the parts of a template that isolate its pods, and those by which its pods get something that is judged.
fn isolation(template: &PodTemplateSpec, spec: &PodSpec) -> Value {
    let metadata = template.metadata.clone().unwrap_or_default();
    let all = metadata.annotations.unwrap_or_default();
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let containers = containers.map(|container| {
        // Some kinds let a container have no name.
        let name = Some(&container.name).filter(|name| !name.is_empty());
        let limits =
            container.resources.as_ref().and_then(|resources| resources.limits.as_ref()).map(amounts);
        // Controllers rewrite checks and ports, and give the node's part of both to nobody.
        let ports = container.ports.iter().flatten().filter_map(|port| port.host_port);
        json!({
            "name": name,
            "securityContext": value(&container.security_context),
            "limits": limits,
            "hostPorts": ports.collect::<Vec<_>>(),
            "asksHost": loosened::asks_a_host(container).then_some(true),
            "volumeDevices": value(&container.volume_devices),
        })
    });
    json!({
        "labels": metadata.labels,
        "annotations": annotations::read(&all),
        "nameServers": spec.dns_config.as_ref().map(|config| &config.nameservers),
        "secrets": secrets::named(spec),
        "credentials": credentials::given(spec, &all),
        "nodeSelector": spec.node_selector,
        "affinity": value(&spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref())),
        "tolerations": value(&spec.tolerations),
        "resourceClaims": value(&spec.resource_claims),
        "serviceAccountName": spec.service_account_name,
        "automountServiceAccountToken": spec.automount_service_account_token,
        "securityContext": value(&spec.security_context),
        "volumes": value(&spec.volumes),
        "containers": containers.collect::<Vec<_>>(),
    })
}

/// Returns limits as numbers, which an object may write in many ways.
fn amounts(limits: &BTreeMap<String, Quantity>) -> Value {
    let amount = |(name, quantity): (&String, &Quantity)| (name.clone(), json!(millis(&quantity.0)));
    Value::Object(limits.iter().map(amount).collect())
}

/// Returns an object's fields as in its manifest.
fn value(object: &impl Serialize) -> Value {
    // An object of the API always has a form in JSON.
    serde_json::to_value(object).unwrap_or_default()
}

/// Returns true if one value has everything of another. Entries of a list are found by their names. The API server writes an empty
/// object where a manifest has none.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (_, Value::Null) => true,
        (Value::Null, Value::Object(part)) => part.is_empty(),
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
    fn an_image_a_foreign_annotation_and_the_form_of_a_limit_do_not_count() {
        let limited = |cpu: &str| {
            let mut limited = usual();
            limited["spec"]["containers"][0]["resources"]["limits"] = json!({ "cpu": cpu });
            template(&limited)
        };
        assert!(is_made_of(&limited("500m"), &limited("0.5")) && !is_made_of(&limited("1"), &limited("0.5")));
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
        let changes: [Change; 16] = [
            |template| template["metadata"]["labels"]["role"] = json!("worker"),
            |template| template["metadata"]["annotations"]["dev.gvisor.flag.debug"] = json!("true"),
            |template| template["metadata"]["annotations"]["mounts.nri.io"] = json!("- source: /"),
            |template| template["spec"]["nodeSelector"] = json!({ "pool": "runc" }),
            |template| template["spec"]["containers"][0]["securityContext"]["privileged"] = json!(true),
            |template| template["spec"]["containers"][0]["resources"]["limits"] = json!({ "memory": "64Mi" }),
            |template| template["spec"]["securityContext"] = json!({ "runAsUser": 0 }),
            |template| template["spec"]["initContainers"] = json!([{ "name": "init" }]),
            |template| {
                template["spec"]["volumes"] =
                    json!([{ "name": "a", "emptyDir": {} }, { "name": "b", "hostPath": { "path": "/" } }]);
            },
            |template| template["spec"]["automountServiceAccountToken"] = json!(true),
            |template| {
                template["spec"]["containers"][0]["envFrom"] = json!([{ "secretRef": { "name": "key" } }]);
            },
            |template| {
                template["spec"]["containers"][0]["env"] =
                    json!([{ "name": "API_TOKEN", "value": "aGVsbG8gd29ybGQh" }]);
            },
            |template| {
                template["spec"]["containers"][0]["ports"] = json!([{ "containerPort": 80, "hostPort": 80 }]);
            },
            |template| {
                let get = json!({ "httpGet": { "host": "10.0.0.1", "port": 80 } });
                template["spec"]["containers"][0]["livenessProbe"] = get;
            },
            |template| {
                template["spec"]["containers"][0]["volumeDevices"] =
                    json!([{ "name": "a", "devicePath": "/dev/a" }]);
            },
            |template| template["spec"]["dnsConfig"] = json!({ "nameservers": ["10.0.0.53"] }),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert_eq!(both_ways(change), [true, false], "change {number}");
        }
    }

    /// The API server fills in what a custom object leaves out.
    #[test]
    fn a_replica_set_of_a_custom_object_is_alike_unless_it_has_more() {
        let mut made = usual();
        made["metadata"]["labels"]["rollouts-pod-template-hash"] = json!("6f7d");
        made["spec"]["securityContext"] = json!({});
        made["spec"]["terminationGracePeriodSeconds"] = json!(30);
        assert!(is_alike(&template(&made), &template(&usual())));
        made["spec"]["volumes"] =
            json!([{ "name": "a", "emptyDir": {} }, { "name": "b", "hostPath": { "path": "/" } }]);
        assert!(!is_alike(&template(&made), &template(&usual())));
    }

    /// Knative names the port and moves the check (knative/serving, `pkg/reconciler/revision/resources/deploy.go`).
    #[test]
    fn a_port_and_a_check_that_a_controller_rewrites_do_not_count() {
        let change = |template: &mut Value| {
            template["spec"]["containers"][0]["ports"] = json!([{ "name": "h2c", "containerPort": 8080 }]);
            template["spec"]["containers"][0]["readinessProbe"] = json!({ "tcpSocket": { "port": 0 } });
            template["spec"]["containers"][0]["env"] = json!([{ "name": "MODE", "value": "fast" }]);
        };
        assert_eq!(both_ways(change), [true; 2]);
    }

    #[test]
    fn a_container_without_a_name_is_found_by_its_settings() {
        let mut custom = usual();
        custom["spec"]["containers"][0]["name"] = json!("");
        assert!(is_made_of(&template(&usual()), &template(&custom)));
    }
}
