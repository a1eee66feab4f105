//! What a pod's status comes to.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};

/// Reasons for which a container waits that do not mend themselves in a run's time (kubelet, `pkg/kubelet/images/types.go`
/// and `pkg/kubelet/kuberuntime`). `ErrImagePull` is tried again at once, and becomes `ImagePullBackOff`.
const HOPELESS: &[&str] = &[
    "CreateContainerConfigError",
    "CreateContainerError",
    "CrashLoopBackOff",
    "ErrImageNeverPull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
    "StartError",
];

/// A pod of ours.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PodState {
    pub(crate) stage: Stage,
    pub(crate) node: Option<String>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) container: Option<Container>,
}

/// How far it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// It waits, for this.
    Waiting(String),
    /// Its container runs.
    Running,
    /// It will not run any more, for this reason.
    Failed(String),
}

/// The container that runs in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Container {
    /// With the runtime's scheme, such as "containerd://".
    pub(crate) id: String,
    /// A digest, with or without the image's name.
    pub(crate) image_id: String,
}

impl PodState {
    pub(crate) fn of(pod: &Pod) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let container = status.container_statuses.iter().flatten().next();
        let addresses = status.pod_ips.iter().flatten();
        Self {
            stage: stage(pod, &status, container),
            node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
            addresses: addresses.filter_map(|address| address.ip.parse().ok()).collect(),
            container: container.and_then(|container| {
                Some(Container { id: container.container_id.clone()?, image_id: container.image_id.clone() })
            }),
        }
    }
}

fn stage(pod: &Pod, status: &PodStatus, container: Option<&ContainerStatus>) -> Stage {
    let state = container.and_then(|container| container.state.clone()).unwrap_or_default();
    if let Some("Failed" | "Succeeded") = status.phase.as_deref() {
        let ended = state.terminated.map(|ended| {
            format!("its container ended with {} {}", ended.exit_code, ended.reason.unwrap_or_default())
        });
        let words = [status.reason.clone(), status.message.clone(), ended];
        let words: Vec<_> = words.into_iter().flatten().map(|word| word.trim().to_owned()).collect();
        return Stage::Failed(if words.is_empty() { "it has ended".to_owned() } else { words.join(": ") });
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
    Stage::Waiting(unscheduled(status).unwrap_or_else(|| "Pending".to_owned()))
}

/// A preemption or an eviction by the API leaves its reason in a condition.
fn deleted(status: &PodStatus) -> String {
    let disrupted =
        status.conditions.iter().flatten().find(|condition| condition.type_ == "DisruptionTarget");
    let reason = disrupted.map(|condition| {
        let message = condition.message.clone().unwrap_or_default();
        format!(": {} {message}", condition.reason.clone().unwrap_or_default())
    });
    format!("somebody deleted it{}", reason.unwrap_or_default())
}

fn unscheduled(status: &PodStatus) -> Option<String> {
    let mut conditions = status.conditions.iter().flatten();
    let condition = conditions.find(|it| it.type_ == "PodScheduled" && it.status == "False")?;
    let reason = condition.reason.clone().unwrap_or_default();
    Some(format!("{reason}: {}", condition.message.clone().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stage(status: &serde_json::Value) -> Stage {
        let pod = json!({ "metadata": {}, "spec": { "containers": [] }, "status": status });
        PodState::of(&serde_json::from_value(pod).unwrap()).stage
    }

    fn container(state: &serde_json::Value) -> serde_json::Value {
        let status = json!({ "name": "probe", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state });
        json!({ "phase": "Pending", "containerStatuses": [status] })
    }

    #[test]
    fn what_does_not_mend_itself_is_told_from_what_takes_a_while() {
        let waiting = |reason: &str| container(&json!({ "waiting": { "reason": reason, "message": "m" } }));
        assert_eq!(stage(&waiting("ImagePullBackOff")), Stage::Failed("ImagePullBackOff: m".into()));
        assert_eq!(stage(&waiting("CreateContainerError")), Stage::Failed("CreateContainerError: m".into()));
        assert_eq!(stage(&waiting("ContainerCreating")), Stage::Waiting("ContainerCreating: m".into()));
        assert_eq!(stage(&waiting("ErrImagePull")), Stage::Waiting("ErrImagePull: m".into()));
        assert_eq!(stage(&container(&json!({ "running": {} }))), Stage::Running);
    }

    #[test]
    fn an_evicted_and_an_unschedulable_pod_say_why() {
        let evicted =
            json!({ "phase": "Failed", "reason": "Evicted", "message": "The node was low on memory." });
        assert_eq!(stage(&evicted), Stage::Failed("Evicted: The node was low on memory.".into()));
        let condition = json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes" });
        let pending = json!({ "phase": "Pending", "conditions": [condition] });
        assert_eq!(stage(&pending), Stage::Waiting("Unschedulable: 0/1 nodes".into()));
    }
}
