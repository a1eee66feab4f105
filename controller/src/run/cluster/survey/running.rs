//! The state of a pod, as far as it decides whether the pod may be examined in place.

use k8s_openapi::api::core::v1::Pod;

use super::super::pods::visit_of;
use crate::case::cluster::{Running, Unfit};

/// The annotation of a pod that the kubelet made from a file (kubernetes, `pkg/apis/core/annotation_key_constants.go`).
const MIRROR: &str = "kubernetes.io/config.mirror";

pub(super) fn of(pod: &Pod) -> Running {
    let ephemeral = pod.spec.iter().flat_map(|spec| spec.ephemeral_containers.iter().flatten());
    let earlier_probes = ephemeral.filter(|it| visit_of(it).is_some()).count();
    Running { unfit: unfit(pod), earlier_probes, unmeasured: None }
}

fn unfit(pod: &Pod) -> Option<Unfit> {
    if pod.metadata.deletion_timestamp.is_some() {
        return Some(Unfit::Terminating);
    }
    if pod.metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(MIRROR)) {
        return Some(Unfit::Static);
    }
    let phase = pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let runs = statuses.into_iter().any(|it| it.state.as_ref().is_some_and(|state| state.running.is_some()));
    (phase != "Running" || !runs).then_some(Unfit::NotRunning(phase))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn unfit(metadata: &Value, phase: &str, state: &Value) -> Option<Unfit> {
        let status = json!({ "name": "web", "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": state });
        let status = json!({ "phase": phase, "containerStatuses": [status] });
        let pod = json!({ "metadata": metadata, "spec": { "containers": [] }, "status": status });
        of(&serde_json::from_value(pod).unwrap()).unfit
    }

    #[test]
    fn a_running_pod_may_be_examined() {
        assert_eq!(unfit(&json!({}), "Running", &json!({ "running": {} })), None);
    }

    #[test]
    fn a_pod_that_is_ending_static_or_not_running_may_not_be_examined() {
        let running = json!({ "running": {} });
        let deleted = json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" });
        assert_eq!(unfit(&deleted, "Running", &running), Some(Unfit::Terminating));
        assert_eq!(
            unfit(&json!({ "annotations": { MIRROR: "1" } }), "Running", &running),
            Some(Unfit::Static)
        );
        let pending = Some(Unfit::NotRunning("Pending".into()));
        assert_eq!(unfit(&json!({}), "Pending", &json!({ "waiting": {} })), pending);
        let crashing = Some(Unfit::NotRunning("Running".into()));
        assert_eq!(unfit(&json!({}), "Running", &json!({ "waiting": {} })), crashing);
    }

    #[test]
    fn only_a_probe_counts_as_an_earlier_probe() {
        let container =
            |name: &str, program: &str| json!({ "name": name, "command": [program, "hold", "60"] });
        let containers = [
            container("podproof-0123abcd", "/probe"),
            container("debugger", "/probe"),
            container("podproof-0123abcd", "/bin/sh"),
        ];
        let pod = json!({ "metadata": {}, "spec": { "containers": [], "ephemeralContainers": containers } });
        assert_eq!(of(&serde_json::from_value(pod).unwrap()).earlier_probes, 1);
    }
}
