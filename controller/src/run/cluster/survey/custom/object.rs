//! The pod templates in an object of a custom kind.

use k8s_openapi::{api::core::v1::PodTemplateSpec, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::api::DynamicObject;
use serde_json::{Map, Value, json};

use crate::run::cluster::survey::storage::class;

/// Kinds whose controllers make pods of parts that are no pod template, or of a template and more.
const PARTLY_KNOWN: &[(&str, &[&str])] = &[
    // argo-workflows.readthedocs.io, "Core Concepts".
    ("argoproj.io", &["CronWorkflow", "Workflow", "WorkflowTemplate"]),
    // docs.redhat.com, OpenShift, "Understanding image builds".
    ("build.openshift.io", &["Build", "BuildConfig"]),
    // kubeflow.github.io/spark-operator, "Writing a SparkApplication".
    ("sparkoperator.k8s.io", &["ScheduledSparkApplication", "SparkApplication"]),
    // tekton.dev, "Tasks" and "Pipelines": steps are no containers of a template.
    ("tekton.dev", &["Pipeline", "PipelineRun", "Task", "TaskRun"]),
];

/// Kinds whose objects are runs, and have a condition at their end. Objects of other kinds may have a condition of the same name while
/// they live: that of a Rollout is "Completed" whenever its newest revision is everywhere (argo-rollouts,
/// `pkg/apis/rollouts/v1alpha1/types.go`, `RolloutCompleted`).
const RUNS: &[(&str, &[&str])] = &[
    // jobset.sigs.k8s.io, `api/jobset/v1alpha2/jobset_types.go`.
    ("jobset.x-k8s.io", &["JobSet"]),
    // kubeflow/trainer, `pkg/apis/kubeflow.org/v1/common_types.go` of release 1, and `pkg/apis/trainer/v1alpha1`.
    ("kubeflow.org", &["JAXJob", "MPIJob", "MXJob", "PaddleJob", "PyTorchJob", "TFJob", "XGBoostJob"]),
    ("trainer.kubeflow.org", &["TrainJob"]),
];

/// Returns true for a kind whose objects do not hold the whole specification of their pods.
pub(super) fn is_partly_known(group: &str, kind: &str) -> bool {
    is_listed(PARTLY_KNOWN, group, kind)
}

/// Returns true for a run that has ended and makes no more pods. A phase says nothing: controllers of other kinds begin
/// anew after a failure.
pub(super) fn has_ended(group: &str, kind: &str, data: &Value) -> bool {
    let status = &data["status"];
    let times =
        ["completionTime", "finishedAt", "completedAt", "endTime", "terminationTime", "terminalState"];
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let mut ends = conditions.map(|condition| (condition["type"].as_str(), condition["status"].as_str()));
    let is_over = |end| matches!(end, (Some("Complete" | "Completed" | "Succeeded"), Some("True")));
    times.iter().any(|key| status[*key].as_str().is_some_and(|time| !time.is_empty()))
        || (is_listed(RUNS, group, kind) && ends.any(is_over))
}

/// Returns true for a copy of an operator's manifest, which stands in every namespace of the cluster and makes no pod there (OLM,
/// `pkg/controller/operators/olm/operatorgroup.go`; docs.okd.io, "Disabling copied CSVs"). OLM removes a copy of nothing.
pub(super) fn is_copied(group: &str, kind: &str, object: &DynamicObject) -> bool {
    let from = object.metadata.labels.as_ref().and_then(|labels| labels.get("olm.copiedFrom"));
    (group, kind) == ("operators.coreos.com", "ClusterServiceVersion")
        && object.data.pointer("/status/reason").and_then(Value::as_str) == Some("Copied")
        && from.is_some_and(|from| Some(from) != object.metadata.namespace.as_ref())
}

fn is_listed(kinds: &[(&str, &[&str])], group: &str, kind: &str) -> bool {
    kinds.iter().any(|(known, kinds)| *known == group && kinds.contains(&kind))
}

/// Returns the pod templates of an object; `Err` says why one of them cannot be read.
pub(super) fn templates(data: &Value) -> Result<Vec<PodTemplateSpec>, String> {
    let mut found = Vec::new();
    for (name, part) in data.as_object().into_iter().flatten() {
        if name != "status" {
            search(part, None, &mut found);
        }
    }
    let claims = data.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array).into_iter().flatten();
    let name = |claim: &Value| claim.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
    let volume = |claim: &Value| {
        let annotations = claim.pointer("/metadata/annotations").cloned().unwrap_or_default();
        let annotations = serde_json::from_value(annotations).ok();
        let mut spec = claim.get("spec").cloned().unwrap_or_else(|| json!({}));
        if let (Some(spec), Some(class)) = (spec.as_object_mut(), class(annotations.as_ref(), None)) {
            spec.insert("storageClassName".to_owned(), json!(class));
        }
        let template = json!({ "spec": spec });
        json!({ "name": name(claim).unwrap_or_default(), "ephemeral": { "volumeClaimTemplate": template } })
    };
    let volumes: Vec<_> = claims.map(volume).collect();
    found.into_iter().map(|(metadata, spec)| template(metadata, spec, &volumes)).collect()
}

/// Collects the pod specifications below a value, each with the metadata beside it.
fn search<'a>(
    value: &'a Value,
    metadata: Option<&'a Value>,
    found: &mut Vec<(Option<&'a Value>, &'a Map<String, Value>)>,
) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| search(element, None, found)),
        Value::Object(fields) if holds_containers(fields) => found.push((metadata, fields)),
        Value::Object(fields) => {
            for (name, field) in fields {
                let beside = fields.get("metadata").filter(|_| name == "spec");
                search(field, beside, found);
            }
        }
        _ => (),
    }
}

fn holds_containers(fields: &Map<String, Value>) -> bool {
    let containers = fields.get("containers").and_then(Value::as_array);
    let is_container = |container: &Value| container["name"].is_string() || container["image"].is_string();
    containers.is_some_and(|containers| !containers.is_empty() && containers.iter().all(is_container))
}

fn template(
    metadata: Option<&Value>,
    spec: &Map<String, Value>,
    claims: &[Value],
) -> Result<PodTemplateSpec, String> {
    let mut spec = spec.clone();
    amend(&mut spec, claims);
    let spec = serde_json::from_value(Value::Object(spec))
        .map_err(|error| format!("its pod template is not one that Kubernetes accepts: {error}"))?;
    let texts = |key: &str| {
        let texts =
            metadata.and_then(|metadata| metadata.get(key)).and_then(Value::as_object).into_iter().flatten();
        texts.filter_map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned()))).collect()
    };
    let metadata = ObjectMeta {
        labels: Some(texts("labels")),
        annotations: Some(texts("annotations")),
        ..ObjectMeta::default()
    };
    Ok(PodTemplateSpec { metadata: Some(metadata), spec: Some(spec) })
}

/// Gives containers a name where the kind lets it out, writes quantities as text, and adds the volumes of claims that are made
/// for each pod. The API server does so for its own kinds alone.
fn amend(spec: &mut Map<String, Value>, claims: &[Value]) {
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        for container in containers.filter_map(Value::as_object_mut) {
            container.entry("name").or_insert_with(|| "unnamed".into());
            let mut resources = container.get_mut("resources");
            for part in ["limits", "requests"] {
                let quantities = resources.as_mut().and_then(|resources| resources.get_mut(part));
                let quantities =
                    quantities.and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
                for quantity in quantities.filter(|quantity| quantity.is_number()) {
                    *quantity = quantity.to_string().into();
                }
            }
        }
    }
    if !claims.is_empty() {
        let volumes = spec.entry("volumes").or_insert_with(|| json!([])).as_array_mut();
        if let Some(volumes) = volumes {
            volumes.extend_from_slice(claims);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::cluster::permission;

    fn pod() -> Value {
        json!({
            "runtimeClassName": "gvisor",
            "containers": [{ "name": "app", "image": "app", "resources": { "limits": { "cpu": 1, "memory": "64Mi" } } }],
        })
    }

    #[test]
    fn templates_are_found_wherever_kinds_keep_them() {
        let template = json!({ "metadata": { "labels": { "app": "web" } }, "spec": pod() });
        for data in [
            json!({ "spec": { "podTemplate": template } }),
            json!({ "spec": { "template": template, "selector": {} } }),
            json!({ "spec": { "jobTemplate": { "spec": { "template": template } } } }),
            json!({ "spec": { "replicatedJobs": [{ "name": "a", "template": { "spec": { "template": template } } }] } }),
            json!({ "spec": { "pytorchReplicaSpecs": { "Master": { "template": template } } } }),
        ] {
            let found = templates(&data).unwrap();
            let [found] = found.as_slice() else { panic!("{data}") };
            assert_eq!(found.metadata.as_ref().unwrap().labels.as_ref().unwrap()["app"], "web");
            let spec = found.spec.as_ref().unwrap();
            assert_eq!(spec.runtime_class_name.as_deref(), Some("gvisor"));
            let limits = spec.containers[0].resources.as_ref().unwrap().limits.as_ref().unwrap();
            assert_eq!(limits["cpu"].0, "1");
        }
    }

    #[test]
    fn each_template_of_an_object_counts() {
        let group = json!({ "template": { "spec": pod() } });
        let data = json!({ "spec": { "headGroupSpec": group, "workerGroupSpecs": [group, group] } });
        assert_eq!(templates(&data).unwrap().len(), 3);
        assert!(templates(&json!({ "spec": { "host": "a" }, "status": pod() })).unwrap().is_empty());
    }

    #[test]
    fn a_claim_for_each_pod_is_a_volume_of_the_template() {
        let claim = json!({ "metadata": { "name": "data" }, "spec": { "storageClassName": "local" } });
        let data = json!({ "spec": { "podTemplate": { "spec": pod() }, "volumeClaimTemplates": [claim] } });
        let found = templates(&data).unwrap();
        let volumes = found[0].spec.as_ref().unwrap().volumes.as_ref().unwrap();
        let claim = volumes[0].ephemeral.as_ref().unwrap().volume_claim_template.as_ref().unwrap();
        assert_eq!(
            (volumes[0].name.as_str(), claim.spec.storage_class_name.as_deref()),
            ("data", Some("local"))
        );
        let annotated = json!({
            "metadata": { "name": "data", "annotations": { "volume.beta.kubernetes.io/storage-class": "fast" } },
            "spec": { "storageClassName": "local" },
        });
        let data =
            json!({ "spec": { "podTemplate": { "spec": pod() }, "volumeClaimTemplates": [annotated] } });
        let found = templates(&data).unwrap();
        let volume = &found[0].spec.as_ref().unwrap().volumes.as_ref().unwrap()[0];
        let claim = volume.ephemeral.as_ref().unwrap().volume_claim_template.as_ref().unwrap();
        assert_eq!(claim.spec.storage_class_name.as_deref(), Some("fast"));
    }

    #[test]
    fn a_template_that_no_pod_can_have_is_an_error() {
        let data = json!({ "spec": { "containers": [{ "name": "app", "image": "app", "ports": "many" }] } });
        assert!(templates(&data).unwrap_err().contains("not one that Kubernetes accepts"));
    }

    #[test]
    fn a_run_with_a_time_of_its_end_has_ended() {
        for (status, ended) in [
            (json!({}), false),
            (json!({ "phase": "Failed" }), false),
            (json!({ "finishedAt": null }), false),
            (json!({ "finishedAt": "2026-11-28T10:00:00Z" }), true),
            (json!({ "conditions": [{ "type": "Ready", "status": "True" }] }), false),
            (json!({ "conditions": [{ "type": "Completed", "status": "True" }] }), true),
        ] {
            assert_eq!(
                has_ended("jobset.x-k8s.io", "JobSet", &json!({ "status": status })),
                ended,
                "{status}"
            );
        }
    }

    #[test]
    fn a_condition_ends_no_object_that_lives_on() {
        let status = |kind| json!({ "status": { "conditions": [{ "type": kind, "status": "True" }] } });
        for kind in ["Complete", "Completed", "Succeeded"] {
            assert!(!has_ended("argoproj.io", "Rollout", &status(kind)), "{kind}");
            assert!(!has_ended("example.com", "Agent", &status(kind)), "{kind}");
            assert!(has_ended("kubeflow.org", "PyTorchJob", &status(kind)), "{kind}");
        }
    }

    #[test]
    fn the_printed_role_allows_every_kind_that_is_known_by_its_name() {
        let known = PARTLY_KNOWN.iter().chain(RUNS).map(|(group, _)| *group);
        for group in known.chain(["operators.coreos.com"]) {
            assert!(permission::all(false).any(|it| it.group == group), "{group}");
        }
    }

    #[test]
    fn an_operators_manifest_counts_where_it_is_no_copy() {
        let object = |from: &str, reason: &str| -> DynamicObject {
            serde_json::from_value(json!({
                "apiVersion": "operators.coreos.com/v1alpha1", "kind": "ClusterServiceVersion",
                "metadata": { "name": "operator.v1", "namespace": "shop", "labels": { "olm.copiedFrom": from } },
                "status": { "phase": "Succeeded", "reason": reason },
            }))
            .unwrap()
        };
        let is_copied = |object| is_copied("operators.coreos.com", "ClusterServiceVersion", &object);
        assert!(is_copied(object("openshift-operators", "Copied")));
        assert!(!is_copied(object("shop", "Copied")));
        assert!(!is_copied(object("openshift-operators", "InstallSucceeded")));
    }
}
