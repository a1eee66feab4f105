//! Labels, annotations and fields that admission gives the pods of a template. The template lacks them, so it is judged with those
//! that every one of its pods was given.

mod specification;

use crate::case::{cluster::Labels, policy::OF_ONE_POD};
use k8s_openapi::{
    api::core::v1::{Pod, PodTemplateSpec},
    apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta},
};

/// The key by which Argo Rollouts distinguishes pods (argo-rollouts, `pkg/apis/rollouts/v1alpha1/types.go`).
const OF_A_ROLLOUT: &str = "rollouts-pod-template-hash";

/// Labels and annotations of pods.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
struct Given {
    labels: Labels,
    annotations: Labels,
}

/// The labels, annotations and fields of one pod, by their origin. Those of a controller are left out.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Origins {
    /// Those that the pod was created with.
    created_with: Given,
    /// Those that nobody claims.
    unclaimed: Given,
    fields: specification::Origins,
}

// === impl Origins ===

impl Origins {
    /// Returns the origins of all that a pod has; `None` without the record of the pod's creation.
    pub(super) fn of(pod: &Pod) -> Option<Self> {
        let metadata = &pod.metadata;
        let has_record = metadata.managed_fields.iter().flatten().any(has_created);
        let both = |of: fn(&ObjectMeta, Part) -> Labels| Given {
            labels: of(metadata, Part::Labels),
            annotations: of(metadata, Part::Annotations),
        };
        has_record.then(|| Self {
            created_with: both(created_with),
            unclaimed: both(unclaimed),
            fields: specification::Origins::of(pod),
        })
    }
}

/// The template with all that admission gave its pods, and what that is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Admitted {
    pub(super) template: PodTemplateSpec,
    /// Keys of labels and annotations.
    pub(super) keys: Vec<String>,
    /// Fields with their values, each as a fragment: "spec.runtimeClassName=gvisor".
    pub(super) fields: Vec<String>,
}

/// Completes the template by all that admission gave every one of its pods with the same value. A pod with another template's
/// labels or annotations is of another revision and shows nothing.
pub(super) fn completed(mut template: PodTemplateSpec, pods: &[&Origins]) -> Admitted {
    let metadata = template.metadata.get_or_insert_default();
    let own = |part: Part| {
        let mut own = part.of(metadata);
        own.retain(|key, _| !is_a_controllers(key));
        own
    };
    let made_of = Given { labels: own(Part::Labels), annotations: own(Part::Annotations) };
    let current: Vec<_> = pods.iter().filter(|pod| pod.created_with == made_of).collect();
    let both = |one: Given, other: Given| Given {
        labels: shared(one.labels, &other.labels),
        annotations: shared(one.annotations, &other.annotations),
    };
    let given = current.iter().map(|pod| pod.unclaimed.clone()).reduce(both).unwrap_or_default();
    let keys = given.labels.keys().chain(given.annotations.keys()).cloned().collect();
    metadata.labels.get_or_insert_default().extend(given.labels);
    metadata.annotations.get_or_insert_default().extend(given.annotations);
    let own = template.spec.take().unwrap_or_default();
    let fields = specification::by_admission(&own, current.iter().map(|pod| &pod.fields)).unwrap_or_default();
    template.spec = Some(specification::with(own, &fields));
    let fields = fields.iter().map(|(field, value)| format!("{}={}", field.name(), value.trim_matches('"')));
    Admitted { fields: fields.collect(), keys, template }
}

/// A part of an object's metadata.
#[derive(Clone, Copy, Debug)]
enum Part {
    Labels,
    Annotations,
}

impl Part {
    fn of(self, metadata: &ObjectMeta) -> Labels {
        let part = match self {
            Self::Labels => &metadata.labels,
            Self::Annotations => &metadata.annotations,
        };
        part.clone().unwrap_or_default()
    }

    const fn field(self) -> &'static str {
        match self {
            Self::Labels => "f:labels",
            Self::Annotations => "f:annotations",
        }
    }

    /// True if the manager of an entry claims the key.
    fn is_claimed_by(self, entry: &ManagedFieldsEntry, key: &str) -> bool {
        claims(entry, &["f:metadata", self.field(), &format!("f:{key}")])
    }
}

/// Returns the labels or annotations that the pod's creator claims, without a controller's.
fn created_with(pod: &ObjectMeta, part: Part) -> Labels {
    let creators = || pod.managed_fields.iter().flatten().filter(|entry| has_created(entry));
    let mut created_with = part.of(pod);
    created_with
        .retain(|key, _| creators().any(|entry| part.is_claimed_by(entry, key)) && !is_a_controllers(key));
    created_with
}

/// True for a key that a controller gives pods beside their template's.
pub(super) fn is_a_controllers(key: &str) -> bool {
    OF_ONE_POD.contains(&key) || key == OF_A_ROLLOUT
}

/// True if the entry's manager wrote the pod's containers, which only the creation does as a whole.
fn has_created(entry: &ManagedFieldsEntry) -> bool {
    let in_status = entry.subresource.as_ref().is_some_and(|subresource| !subresource.is_empty());
    !in_status && claims(entry, &["f:spec", "f:containers"])
}

fn claims(entry: &ManagedFieldsEntry, path: &[&str]) -> bool {
    let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
    path.iter().try_fold(fields, |fields, name| Some(fields?.get(name))).flatten().is_some()
}

/// Returns the labels or annotations that no manager claims. The API server notes a creator's fields before admission changes the
/// object, so nobody claims what admission adds (Kubernetes, `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/create.go`).
/// A later writer has an entry. A value that names the pod is not every pod's.
fn unclaimed(pod: &ObjectMeta, part: Part) -> Labels {
    let entries = || pod.managed_fields.iter().flatten();
    let names = || [pod.name.as_deref(), pod.uid.as_deref()].into_iter().flatten();
    let mut all = part.of(pod);
    all.retain(|key, value| {
        !entries().any(|entry| part.is_claimed_by(entry, key))
            && !is_a_controllers(key)
            && !names().any(|name| value.contains(name))
    });
    all
}

/// Returns what both have alike.
fn shared(mut one: Labels, other: &Labels) -> Labels {
    one.retain(|key, value| other.get(key) == Some(value));
    one
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::{Value, json};

    use super::*;

    fn template(labels: &Value) -> PodTemplateSpec {
        serde_json::from_value(json!({ "metadata": { "labels": labels } })).unwrap()
    }

    /// Returns a pod with these labels; its creator claims the keys in `created`, and another manager those in `later`.
    fn pod(name: &str, labels: &Value, created: &[&str], later: &[&str]) -> Pod {
        let claimed = |keys: &[&str]| -> Value {
            keys.iter().map(|key| (format!("f:{key}"), json!({}))).collect::<serde_json::Map<_, _>>().into()
        };
        let fields =
            json!({ "f:metadata": { "f:labels": claimed(created) }, "f:spec": { "f:containers": {} } });
        let changed = json!({ "f:metadata": { "f:labels": claimed(later) } });
        let entry = |manager: &str, fields: Value| json!({ "manager": manager, "operation": "Update", "fieldsV1": fields });
        let managed = [entry("kube-controller-manager", fields), entry("an-operator", changed)];
        let metadata = json!({ "name": name, "labels": labels, "managedFields": managed });
        serde_json::from_value(json!({ "metadata": metadata })).unwrap()
    }

    fn labels(template: &PodTemplateSpec, pods: &[Pod]) -> Vec<String> {
        let pods: Vec<_> = pods.iter().filter_map(Origins::of).collect();
        let admitted = completed(template.clone(), &pods.iter().collect::<Vec<_>>());
        let labels = admitted.template.metadata.unwrap().labels.unwrap();
        labels
            .into_iter()
            .filter(|(key, _)| admitted.keys.contains(key))
            .map(|(key, value)| format!("{key}={value}"))
            .collect()
    }

    #[test]
    fn a_label_that_admission_gave_every_pod_is_the_templates() {
        let web = json!({ "app": "web", "pod-template-hash": "1", "x": "y" });
        let pods = ["web-1", "web-2"].map(|name| pod(name, &web, &["app", "pod-template-hash"], &[]));
        assert_eq!(labels(&template(&json!({ "app": "web" })), &pods), ["x=y"]);
    }

    #[test]
    fn a_label_of_only_some_pods_is_not_the_templates() {
        let [with, without, other] =
            [json!({ "app": "web", "x": "y" }), json!({ "app": "web" }), json!({ "app": "web", "x": "z" })];
        for second in [without, other] {
            let pods = [pod("web-1", &with, &["app"], &[]), pod("web-2", &second, &["app"], &[])];
            assert!(labels(&template(&json!({ "app": "web" })), &pods).is_empty(), "{second}");
        }
    }

    #[test]
    fn a_label_that_somebody_wrote_later_is_not_the_templates() {
        let web = json!({ "app": "web", "role": "primary" });
        let pods = [pod("web-1", &web, &["app"], &["role"])];
        assert!(labels(&template(&json!({ "app": "web" })), &pods).is_empty());
    }

    #[test]
    fn pods_of_an_earlier_template_show_nothing() {
        let web = json!({ "app": "web", "team": "red", "x": "y" });
        let old = pod("web-1", &web, &["app", "team"], &[]);
        for now in [json!({ "app": "web" }), json!({ "app": "web", "team": "blue" })] {
            assert!(labels(&template(&now), std::slice::from_ref(&old)).is_empty(), "{now}");
        }
    }

    #[test]
    fn a_value_with_the_pods_name_is_not_the_templates() {
        let web = json!({ "app": "web", "x": "of-web-1" });
        assert!(labels(&template(&json!({ "app": "web" })), &[pod("web-1", &web, &["app"], &[])]).is_empty());
    }

    #[test]
    fn pods_without_the_record_of_their_managers_show_nothing() {
        let mut web = pod("web-1", &json!({ "app": "web", "x": "y" }), &["app"], &[]);
        web.metadata.managed_fields = None;
        assert!(labels(&template(&json!({ "app": "web" })), &[web]).is_empty());
    }
}
