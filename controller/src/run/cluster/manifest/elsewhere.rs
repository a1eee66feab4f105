//! Other places for a probe pod that the scheduler does not place on the planned node.

use k8s_openapi::{
    api::core::v1::{Pod, PodAffinityTerm},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};

use super::on;
use crate::{
    case::cluster::{Labels, Requirement, Selector},
    support::names,
};

/// Another place for a probe pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Elsewhere {
    /// One of these nodes, which the scheduler chooses.
    AnyOf(Vec<String>),
    /// The planned node, beside a pod of the workload that keeps pods with the same labels away. The kubelet still checks
    /// resources and affinity (kubernetes, `pkg/kubelet/lifecycle/predicate.go`), and the scheduler is not asked.
    Beside(String),
}

// === impl Elsewhere ===

impl Elsewhere {
    /// Returns the pod at the other place, with a name of its own.
    pub fn applied(&self, mut pod: Pod) -> Pod {
        pod.metadata.name = pod.metadata.name.map(|name| name + names::AGAIN);
        let spec = pod.spec.get_or_insert_default();
        match self {
            Self::AnyOf(nodes) => spec.affinity = Some(on(nodes)),
            Self::Beside(node) => spec.node_name = Some(node.clone()),
        }
        pod
    }
}

/// Returns true if a pod keeps every pod with these labels away from its node. The rule holds for a new pod, too, which has no
/// such rule itself (kubernetes.io, "Inter-pod affinity and anti-affinity").
pub fn repels(pod: &Pod, labels: &Labels) -> bool {
    let affinity = pod.spec.iter().filter_map(|spec| spec.affinity.as_ref()?.pod_anti_affinity.as_ref());
    let mut terms =
        affinity.flat_map(|rules| rules.required_during_scheduling_ignored_during_execution.iter().flatten());
    terms.any(|term: &PodAffinityTerm| {
        term.label_selector.as_ref().is_some_and(|selector| selects(selector, labels))
    })
}

fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    let requirements = selector.match_expressions.iter().flatten().map(|expression| Requirement {
        key: expression.key.clone(),
        operator: expression.operator.clone(),
        values: expression.values.clone().unwrap_or_default(),
    });
    let equals = selector.match_labels.clone().unwrap_or_default();
    Selector { equals, requirements: requirements.collect() }.selects(labels)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(rules: &Value) -> Pod {
        let spec = json!({ "containers": [], "affinity": { "podAntiAffinity": rules } });
        serde_json::from_value(json!({ "metadata": { "name": "web-1" }, "spec": spec })).unwrap()
    }

    #[test]
    fn only_a_required_rule_on_the_probes_labels_repels_it() {
        let labels = Labels::from([("app".into(), "web".into())]);
        let term = |app: &str| json!({ "topologyKey": "kubernetes.io/hostname", "labelSelector": { "matchLabels": { "app": app } } });
        let required = |app: &str| json!({ "requiredDuringSchedulingIgnoredDuringExecution": [term(app)] });
        assert!(repels(&pod(&required("web")), &labels));
        assert!(!repels(&pod(&required("api")), &labels));
        let preferred = json!({ "weight": 1, "podAffinityTerm": term("web") });
        let preferred = json!({ "preferredDuringSchedulingIgnoredDuringExecution": [preferred] });
        assert!(!repels(&pod(&preferred), &labels));
    }

    #[test]
    fn another_place_is_a_node_or_a_choice_of_nodes() {
        let probe = Pod { metadata: pod(&json!({})).metadata, ..Pod::default() };
        let beside = Elsewhere::Beside("one".into()).applied(probe.clone());
        assert_eq!(beside.metadata.name.as_deref(), Some("web-1-again"));
        assert_eq!(beside.spec.unwrap().node_name.as_deref(), Some("one"));
        let any = Elsewhere::AnyOf(vec!["one".into(), "two".into()]).applied(probe).spec.unwrap();
        let affinity = any.affinity.unwrap().node_affinity.unwrap();
        let selector = affinity.required_during_scheduling_ignored_during_execution.unwrap();
        assert_eq!(selector.node_selector_terms.len(), 2);
    }
}
