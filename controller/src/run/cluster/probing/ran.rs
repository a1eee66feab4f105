//! The pod in which a probe ran, by its states before and after the evidence.

use crate::{
    case::{breach::Breach, cluster::Labels},
    run::cluster::pods::PodState,
};

/// Returns why the evidence may be that of another container, or of another node than planned.
pub(super) fn breaches(
    planned: Option<&str>,
    before: &PodState,
    after: Option<&PodState>,
    has_run: bool,
) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if has_run && before.container.is_none() {
        breaches.push(Breach::NoContainer);
    }
    if has_run && after.map(|after| &after.container) != Some(&before.container) {
        let why = after.map_or("the pod is gone".to_owned(), |after| format!("{:?}", after.stage));
        breaches.push(Breach::OtherContainer(why));
    }
    if let (Some(planned), Some(ran)) = (planned, &before.node)
        && planned != ran
    {
        breaches.push(Breach::OtherNode { planned: planned.to_owned(), ran: ran.clone() });
    }
    breaches
}

/// Returns the labels after the evidence, and those before it if they were others.
pub(super) fn labels(before: &PodState, after: Option<PodState>) -> (Option<Labels>, Option<Labels>) {
    let labels = after.map(|after| after.labels);
    let earlier = labels.as_ref().filter(|labels| **labels != before.labels).map(|_| before.labels.clone());
    (labels, earlier)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn state(node: &str, container: &str, labels: &Value) -> PodState {
        let pod = json!({
            "metadata": { "labels": labels },
            "spec": { "nodeName": node, "containers": [] },
            "status": { "phase": "Running", "containerStatuses": [
                { "name": "probe", "containerID": container, "imageID": "image", "image": "", "ready": true, "restartCount": 0,
                  "state": { "running": {} } },
            ] },
        });
        PodState::of(&serde_json::from_value(pod).unwrap())
    }

    fn usual() -> PodState {
        state("one", "containerd://a", &json!({ "app": "web" }))
    }

    #[test]
    fn the_planned_node_and_the_same_container_are_no_breach() {
        assert_eq!(breaches(Some("one"), &usual(), Some(&usual()), true), []);
    }

    #[test]
    fn another_node_than_planned_is_a_breach() {
        let expected = Breach::OtherNode { planned: "two".to_owned(), ran: "one".to_owned() };
        assert_eq!(breaches(Some("two"), &usual(), Some(&usual()), true), [expected]);
    }

    #[test]
    fn another_container_after_the_evidence_is_a_breach() {
        let after = state("one", "containerd://b", &json!({}));
        assert!(matches!(breaches(None, &usual(), Some(&after), true)[..], [Breach::OtherContainer(_)]));
    }

    #[test]
    fn a_container_that_the_cluster_does_not_tell_is_a_breach() {
        let untold = PodState { container: None, ..usual() };
        assert_eq!(breaches(Some("one"), &untold, Some(&untold), true), [Breach::NoContainer]);
        assert_eq!(breaches(Some("one"), &untold, Some(&untold), false), []);
    }

    #[test]
    fn a_pod_that_is_gone_after_the_evidence_is_a_breach() {
        let expected = Breach::OtherContainer("the pod is gone".to_owned());
        assert_eq!(breaches(None, &usual(), None, true), [expected]);
    }

    #[test]
    fn a_probe_that_did_not_run_has_no_other_container() {
        assert_eq!(breaches(None, &usual(), None, false), []);
    }

    #[test]
    fn labels_that_changed_are_told_as_they_were() {
        let after = state("one", "containerd://a", &json!({ "app": "other" }));
        assert_eq!(labels(&usual(), Some(after.clone())), (Some(after.labels), Some(usual().labels)));
    }

    #[test]
    fn labels_that_stayed_have_no_earlier_ones() {
        assert_eq!(labels(&usual(), Some(usual())), (Some(usual().labels), None));
    }
}
