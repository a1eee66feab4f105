//! A pod's stage, derived from its status.

use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};

use crate::support::names::CONTAINER;

/// Reasons of a waiting container that last for the whole run (kubelet, `pkg/kubelet/images/types.go` and
/// `pkg/kubelet/kuberuntime`).
const HOPELESS: &[&str] =
    &["CrashLoopBackOff", "ErrImageNeverPull", "InvalidImageName", "RunContainerError", "StartError"];

/// Reasons of a container whose image the node could not pull (kubelet, `pkg/kubelet/images/types.go`; CRI, `pkg/errors`).
const UNPULLED: &[&str] = &["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"];
/// Further reasons of a waiting container after an attempt that failed, and that the kubelet makes again.
/// A kubelet that has just started makes no container before it knows the Services (`pkg/kubelet/kubelet_pods.go`,
/// `makeEnvironmentVariables`).
const UNMADE: &[&str] = &["CreateContainerConfigError", "CreateContainerError", "ImageInspectError"];

/// The reason of a condition for a pod that fits on no node (kubernetes, `pkg/apis/core/types.go`). A pod with a scheduling
/// gate has another reason.
const UNSCHEDULABLE: &str = "Unschedulable";

/// The state of one of the run's pods.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PodState {
    pub(crate) stage: Stage,
    /// Why the scheduler finds no node for the pod; `None` if it has a node, or was not looked at.
    pub(crate) unscheduled: Option<String>,
    /// The part that the kubelet's last attempt could not make, while it waits to try again; `None` if no attempt failed.
    pub(crate) failing: Option<Failing>,
    pub(crate) removal: Removal,
    pub(crate) node: Option<String>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) container: Option<Container>,
    pub(crate) labels: BTreeMap<String, String>,
    /// The name of the service account; empty if the API server did not fill it in.
    pub(crate) service_account: String,
}

/// The part of a pod that the kubelet could not make. A registry or a container runtime under load is the reason as well as a
/// wrong name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Failing {
    /// The image, which the node could not pull.
    Image,
    /// The container, which the runtime could not make.
    Container,
}

/// The stage of a pod's life.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// The pod waits for this reason.
    Waiting(String),
    /// The pod's container runs.
    Running,
    /// The pod will not run any more, for this reason.
    Failed(String),
}

/// The progress of a pod's removal, in its order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Removal {
    /// Nobody has deleted the pod.
    No,
    /// Somebody has deleted the pod, and the kubelet stops it.
    Begun,
    /// The kubelet has stopped all containers of the deleted pod, and their sandbox before it said so (kubelet,
    /// `pkg/kubelet/kubelet.go`, `SyncTerminatingPod`).
    Stopped,
}

/// The container that runs in a pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Container {
    /// The container's id, with the runtime's scheme, such as "containerd://".
    pub(crate) id: String,
    /// The image's digest, with or without the image's name.
    pub(crate) image_id: String,
}

impl PodState {
    /// Returns the state of one of the run's pods, which have one container.
    pub(crate) fn of(pod: &Pod) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let statuses = || status.container_statuses.iter().flatten();
        // The kubelet sorts the statuses by name, and admission may have added another container.
        let container = statuses().find(|status| status.name == CONTAINER).or_else(|| statuses().next());
        Self::with(pod, &status, container, stage(pod, &status, container))
    }

    /// Returns the state of a running pod with the probe's ephemeral container.
    pub(crate) fn of_visit(pod: &Pod, container: &str) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let container =
            status.ephemeral_container_statuses.iter().flatten().find(|status| status.name == container);
        Self::with(pod, &status, container, visited(pod, &status, container))
    }

    fn with(pod: &Pod, status: &PodStatus, container: Option<&ContainerStatus>, stage: Stage) -> Self {
        let addresses = status.pod_ips.iter().flatten();
        Self {
            stage,
            unscheduled: unscheduled(status, UNSCHEDULABLE),
            failing: container.and_then(failing),
            removal: removal(pod, status),
            node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
            labels: pod.metadata.labels.clone().unwrap_or_default(),
            service_account: pod
                .spec
                .as_ref()
                .and_then(|spec| spec.service_account_name.clone())
                .unwrap_or_default(),
            addresses: addresses.filter_map(|address| address.ip.parse().ok()).collect(),
            container: container.and_then(|container| {
                Some(Container { id: container.container_id.clone()?, image_id: container.image_id.clone() })
            }),
        }
    }
}

/// Returns the state of an ephemeral container that a run added to a running pod, in the place of the pod's own.
fn visited(pod: &Pod, status: &PodStatus, container: Option<&ContainerStatus>) -> Stage {
    let ended = container.and_then(|container| container.state.as_ref()?.terminated.as_ref());
    match ended {
        Some(ended) => Stage::Failed(format!(
            "the probe's container ended with exit code {} {}",
            ended.exit_code,
            ended.reason.clone().unwrap_or_default()
        )),
        None => stage(pod, status, container),
    }
}

fn stage(pod: &Pod, status: &PodStatus, container: Option<&ContainerStatus>) -> Stage {
    let state = container.and_then(|container| container.state.clone()).unwrap_or_default();
    if let Some("Failed" | "Succeeded") = status.phase.as_deref() {
        let ended = state.terminated.map(|ended| {
            format!(
                "the container ended with exit code {} {}",
                ended.exit_code,
                ended.reason.unwrap_or_default()
            )
        });
        let words = [status.reason.clone(), status.message.clone(), ended];
        let words: Vec<_> = words.into_iter().flatten().map(|word| word.trim().to_owned()).collect();
        return Stage::Failed(if words.is_empty() {
            "the pod has ended".to_owned()
        } else {
            words.join(": ")
        });
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return Stage::Failed(deleted(status));
    }
    if state.running.is_some() {
        return Stage::Running;
    }
    if let Some(waiting) = state.waiting {
        let reason = waiting.reason.unwrap_or_default();
        let text = waiting.message.map_or(reason.clone(), |message| format!("{reason}: {message}"));
        return if HOPELESS.contains(&reason.as_str()) { Stage::Failed(text) } else { Stage::Waiting(text) };
    }
    Stage::Waiting(unscheduled(status, "").unwrap_or_else(|| "Pending".to_owned()))
}

fn failing(container: &ContainerStatus) -> Option<Failing> {
    let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
    match waiting.and_then(|waiting| waiting.reason.as_deref())? {
        reason if UNPULLED.contains(&reason) => Some(Failing::Image),
        reason if UNMADE.contains(&reason) => Some(Failing::Container),
        _ => None,
    }
}

fn removal(pod: &Pod, status: &PodStatus) -> Removal {
    if pod.metadata.deletion_timestamp.is_none() {
        return Removal::No;
    }
    let mut containers = [&status.init_container_statuses, &status.container_statuses]
        .into_iter()
        .chain([&status.ephemeral_container_statuses])
        .flat_map(|statuses| statuses.iter().flatten());
    let has_ended = matches!(status.phase.as_deref(), Some("Failed" | "Succeeded"));
    let is_stopped = |it: &ContainerStatus| it.state.as_ref().is_some_and(|state| state.terminated.is_some());
    if has_ended && containers.all(is_stopped) { Removal::Stopped } else { Removal::Begun }
}

/// Explains a deletion: a preemption or an eviction by the API leaves its reason in a condition.
fn deleted(status: &PodStatus) -> String {
    let disrupted =
        status.conditions.iter().flatten().find(|condition| condition.type_ == "DisruptionTarget");
    let reason = disrupted.map(|condition| {
        let message = condition.message.clone().unwrap_or_default();
        format!(": {} {message}", condition.reason.clone().unwrap_or_default())
    });
    format!("somebody deleted it{}", reason.unwrap_or_default())
}

/// Returns why a pod has no node, if the reason begins with these letters.
fn unscheduled(status: &PodStatus, beginning: &str) -> Option<String> {
    let mut conditions = status.conditions.iter().flatten();
    let condition = conditions.find(|it| it.type_ == "PodScheduled" && it.status == "False")?;
    let reason = condition.reason.clone().filter(|reason| reason.starts_with(beginning))?;
    Some(format!("{reason}: {}", condition.message.clone().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(status: &serde_json::Value) -> PodState {
        let pod = json!({ "metadata": {}, "spec": { "containers": [] }, "status": status });
        PodState::of(&serde_json::from_value(pod).unwrap())
    }

    fn stage(status: &serde_json::Value) -> Stage {
        state(status).stage
    }

    fn container(state: &serde_json::Value) -> serde_json::Value {
        let status = json!({ "name": "probe", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state });
        json!({ "phase": "Pending", "containerStatuses": [status] })
    }

    #[test]
    fn a_lasting_failure_is_told_from_a_wait() {
        let waiting = |reason: &str| container(&json!({ "waiting": { "reason": reason, "message": "m" } }));
        assert_eq!(stage(&waiting("InvalidImageName")), Stage::Failed("InvalidImageName: m".into()));
        assert_eq!(stage(&waiting("ErrImageNeverPull")), Stage::Failed("ErrImageNeverPull: m".into()));
        assert_eq!(stage(&waiting("ContainerCreating")), Stage::Waiting("ContainerCreating: m".into()));
        assert!(state(&waiting("ContainerCreating")).failing.is_none());
        assert_eq!(stage(&container(&json!({ "running": {} }))), Stage::Running);
    }

    #[test]
    fn an_attempt_that_the_kubelet_makes_again_is_a_wait() {
        let of_image = UNPULLED.iter().map(|reason| (reason, Failing::Image));
        let all = of_image.chain(UNMADE.iter().map(|reason| (reason, Failing::Container)));
        for (reason, failing) in all {
            let state = state(&container(&json!({ "waiting": { "reason": reason, "message": "m" } })));
            assert_eq!((state.stage, state.failing), (Stage::Waiting(format!("{reason}: m")), Some(failing)));
        }
    }

    #[test]
    fn the_probes_own_container_counts_beside_a_sidecar() {
        let of = |name: &str, state: &serde_json::Value| json!({ "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state });
        let sidecar = of("istio-proxy", &json!({ "running": {} }));
        let probe = of("probe", &json!({ "waiting": { "reason": "ContainerCreating" } }));
        let status = json!({ "phase": "Pending", "containerStatuses": [sidecar, probe] });
        assert_eq!(stage(&status), Stage::Waiting("ContainerCreating".into()));
    }

    fn removal(phase: &str, containers: &[serde_json::Value]) -> Removal {
        let container = |state| json!({ "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state });
        let containers: Vec<_> = containers.iter().map(container).collect();
        let status = json!({ "phase": phase, "containerStatuses": containers });
        let metadata = json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" });
        let pod = json!({ "metadata": metadata, "spec": { "containers": [] }, "status": status });
        PodState::of(&serde_json::from_value(pod).unwrap()).removal
    }

    #[test]
    fn a_deleted_pod_is_stopped_once_no_container_runs() {
        let [ended, running] = [json!({ "terminated": { "exitCode": 0 } }), json!({ "running": {} })];
        assert_eq!(removal("Failed", &[ended.clone(), ended.clone()]), Removal::Stopped);
        assert_eq!(removal("Failed", &[ended.clone(), running]), Removal::Begun);
        assert_eq!(removal("Running", &[ended]), Removal::Begun);
    }

    #[test]
    fn a_pod_that_ended_by_itself_is_not_deleted() {
        let pod = json!({ "metadata": {}, "spec": { "containers": [] }, "status": { "phase": "Failed" } });
        assert_eq!(PodState::of(&serde_json::from_value(pod).unwrap()).removal, Removal::No);
    }

    #[test]
    fn an_ephemeral_container_runs_waits_or_has_ended() {
        let stage = |state: &serde_json::Value| {
            let of = |name: &str, state: &serde_json::Value| json!({ "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state });
            let status = json!({
                "phase": "Running",
                "containerStatuses": [of("web", &json!({ "running": {} }))],
                "ephemeralContainerStatuses": [of("debugger", &json!({ "running": {} })), of("podproof-1", state)],
            });
            let pod = json!({ "metadata": {}, "spec": { "containers": [] }, "status": status });
            PodState::of_visit(&serde_json::from_value(pod).unwrap(), "podproof-1").stage
        };
        assert_eq!(stage(&json!({ "running": {} })), Stage::Running);
        assert!(matches!(stage(&json!({ "waiting": { "reason": "ContainerCreating" } })), Stage::Waiting(_)));
        assert!(matches!(stage(&json!({ "waiting": { "reason": "InvalidImageName" } })), Stage::Failed(_)));
        let ended = Stage::Failed("the probe's container ended with exit code 137 OOMKilled".into());
        assert_eq!(stage(&json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled" } })), ended);
    }

    #[test]
    fn an_evicted_or_unschedulable_pod_has_a_reason() {
        let evicted =
            json!({ "phase": "Failed", "reason": "Evicted", "message": "The node was low on memory." });
        assert_eq!(stage(&evicted), Stage::Failed("Evicted: The node was low on memory.".into()));
        let condition = json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes" });
        let pending = json!({ "phase": "Pending", "conditions": [condition] });
        assert_eq!(stage(&pending), Stage::Waiting("Unschedulable: 0/1 nodes".into()));
    }
}
