//! The required node affinity of a DaemonSet's pods. The DaemonSet controller replaces the affinity of the template by the name of the
//! node for which it makes a pod (Kubernetes, `pkg/controller/daemon/util/daemonset_util.go`). The affinity of the template tells
//! where such a pod could run.

use std::collections::BTreeMap;

use super::{Affinity, Placement};
use crate::case::cluster::{PodView, Shared};

const KIND: &str = "daemonset";

/// The requirements of each DaemonSet for its pods' nodes, by the name of the DaemonSet.
#[derive(Clone, Debug, Default)]
pub struct DaemonSets<'a>(BTreeMap<&'a str, &'a Placement>);

impl<'a> DaemonSets<'a> {
    /// Returns the requirements of each DaemonSet that has a template among these.
    pub fn of(pod_views: &'a [Shared<PodView>]) -> Self {
        let templates = pod_views.iter().filter(|it| it.origin.is_template() && it.origin.kind == KIND);
        Self(templates.map(|it| (it.origin.name.as_str(), &*it.placement)).collect())
    }

    /// Returns the affinity that takes the place of a node's name in the requirements of a pod: that of the DaemonSet that made the
    /// pod, or an empty one without its template. Returns `None` for any other pod and any other affinity.
    pub fn affinity(&self, made_by: (&str, &str), placement: &Placement) -> Option<Vec<Affinity>> {
        let (KIND, name) = made_by else { return None };
        let template = || self.0.get(name).map(|template| template.affinity.clone()).unwrap_or_default();
        names_a_node(&placement.affinity).then(template)
    }
}

/// Returns true for the affinity that the DaemonSet controller writes: one term, for a node's name alone.
fn names_a_node(affinity: &[Affinity]) -> bool {
    let [Affinity { labels, fields }] = affinity else { return false };
    let [field] = fields.as_slice() else { return false };
    labels.is_empty() && field.key == "metadata.name" && field.operator == "In" && field.values.len() == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::cluster::{Origin, Requirement};

    fn requirement(key: &str, value: &str) -> Requirement {
        Requirement { key: key.into(), operator: "In".into(), values: vec![value.into()] }
    }

    fn pod_view(pod: Option<&str>, term: Affinity) -> Shared<PodView> {
        let placement = Placement { affinity: vec![term], ..Placement::default() };
        let origin = Origin { kind: KIND.into(), name: "agent".into(), pod: pod.map(str::to_owned) };
        PodView { origin, placement: placement.into(), ..PodView::default() }.into()
    }

    fn at(node: &str) -> Affinity {
        Affinity { fields: vec![requirement("metadata.name", node)], labels: Vec::new() }
    }

    fn of_the_pool() -> Affinity {
        Affinity { labels: vec![requirement("pool", "a")], fields: Vec::new() }
    }

    /// Returns the affinity that takes the place of a term, for a pod that a workload made beside a template of the DaemonSet `agent`.
    fn instead(made_by: (&str, &str), term: Affinity) -> Option<Vec<Affinity>> {
        let templates = [pod_view(None, of_the_pool())];
        DaemonSets::of(&templates).affinity(made_by, &pod_view(Some("agent-1"), term).placement)
    }

    #[test]
    fn a_pod_on_its_node_has_the_affinity_of_its_template() {
        assert_eq!(instead((KIND, "agent"), at("one")), Some(vec![of_the_pool()]));
        assert_eq!(instead((KIND, "other"), at("one")), Some(Vec::new()));
    }

    #[test]
    fn another_affinity_stays() {
        assert_eq!(instead((KIND, "agent"), of_the_pool()), None);
        let both = Affinity { fields: at("one").fields, ..of_the_pool() };
        assert_eq!(instead((KIND, "agent"), both), None);
        assert_eq!(instead(("statefulset", "agent"), at("one")), None);
    }
}
