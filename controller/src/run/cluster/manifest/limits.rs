//! The limits of a pod, as the kubelet computes them (component-helpers, `resource/helpers.go`, `PodLimits`).

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container, Pod, PodStatus, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};

use crate::case::{
    cluster::{bytes, millis},
    limits::Limits,
};

/// Returns the limits of one container.
pub(super) fn of_container(pod: &Pod, name: &str) -> Limits {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let found = containers.into_iter().find(|container| container.name == name);
    found.map(|container| declared(container.resources.as_ref())).unwrap_or_default()
}

/// Returns the limits of the pod's sandbox: those of the pod, and the overhead that the API server gave the pod from its RuntimeClass
/// (kubernetes.io, "Pod Overhead"). The class may be another one since.
pub(super) fn of_sandbox(pod: &Pod) -> Limits {
    let overhead = amounts(pod.spec.as_ref().and_then(|spec| spec.overhead.as_ref()));
    let Limits { memory, cpu_millis, pids } = of_pod(pod);
    Limits {
        memory: memory.map(|limit| limit.saturating_add(overhead.memory.unwrap_or(0))),
        cpu_millis: cpu_millis.map(|limit| limit.saturating_add(overhead.cpu_millis.unwrap_or(0))),
        pids,
    }
}

/// Returns true if a running pod's resources were changed, or are being changed (kubernetes.io, "Resize CPU and Memory Resources
/// assigned to Containers"). The API server notes who used the subresource `resize`, also after the change.
pub(super) fn are_resized(pod: &Pod) -> bool {
    let mut changes = pod.metadata.managed_fields.iter().flatten();
    let Some(status) = &pod.status else { return false };
    let mut conditions = status.conditions.iter().flatten();
    changes.any(|change| change.subresource.as_deref() == Some("resize"))
        || status.resize.as_deref().is_some_and(|it| !it.is_empty())
        || conditions.any(|it| ["PodResizePending", "PodResizeInProgress"].contains(&it.type_.as_str()))
        || has_other_limits(pod, status)
}

/// Returns true if a container has other limits than its specification.
fn has_other_limits(pod: &Pod, status: &PodStatus) -> bool {
    let spec = pod.spec.iter();
    let containers: Vec<_> =
        spec.flat_map(|spec| spec.containers.iter().chain(spec.init_containers.iter().flatten())).collect();
    let statuses = [&status.container_statuses, &status.init_container_statuses];
    statuses.into_iter().flat_map(|statuses| statuses.iter().flatten()).any(|status| {
        let specified = containers.iter().find(|container| container.name == status.name);
        specified.is_some_and(|container| {
            status.resources.is_some()
                && declared(status.resources.as_ref()) != declared(container.resources.as_ref())
        })
    })
}

/// Returns the limits of the whole pod, without overhead: its own, or those of its containers together. One container without
/// a limit leaves the pod without that limit.
fn of_pod(pod: &Pod) -> Limits {
    let Some(spec) = &pod.spec else { return Limits::default() };
    let own = declared(spec.resources.as_ref());
    let together = |of: fn(Limits) -> Option<u64>| {
        let limit = |container: &Container| of(declared(container.resources.as_ref()));
        let mut running = 0_u64;
        let mut most = 0_u64;
        for init in spec.init_containers.iter().flatten() {
            let limit = limit(init)?;
            if init.restart_policy.as_deref() == Some("Always") {
                running = running.saturating_add(limit);
                most = most.max(running);
            } else {
                most = most.max(running.saturating_add(limit));
            }
        }
        for container in &spec.containers {
            running = running.saturating_add(limit(container)?);
        }
        Some(most.max(running))
    };
    Limits {
        memory: own.memory.or_else(|| together(|limits| limits.memory)),
        cpu_millis: own.cpu_millis.or_else(|| together(|limits| limits.cpu_millis)),
        pids: None,
    }
}

/// Returns declared limits. Zero is no limit (kubelet, `pkg/kubelet/cm/helpers_linux.go`).
fn declared(resources: Option<&ResourceRequirements>) -> Limits {
    amounts(resources.and_then(|resources| resources.limits.as_ref()))
}

/// Returns the amounts of memory and processor time. Zero is no amount.
fn amounts(of: Option<&BTreeMap<String, Quantity>>) -> Limits {
    let amount = |name: &str| of.and_then(|of| of.get(name)).map(|quantity| quantity.0.as_str());
    Limits {
        memory: amount("memory").and_then(bytes).filter(|&bytes| bytes > 0),
        cpu_millis: amount("cpu").and_then(millis).filter(|&millis| millis > 0),
        pids: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn limits(spec: &Value) -> (Option<u64>, Option<u64>) {
        let pod = serde_json::from_value(json!({ "metadata": {}, "spec": spec })).unwrap();
        let limits = of_pod(&pod);
        (limits.memory.map(|bytes| bytes >> 20), limits.cpu_millis)
    }

    fn container(name: &str, memory: &str, cpu: &str) -> Value {
        json!({ "name": name, "resources": { "limits": { "memory": memory, "cpu": cpu } } })
    }

    #[test]
    fn containers_share_the_sum_of_their_limits() {
        let probe = container("probe", "128Mi", "500m");
        let proxy = container("proxy", "1Gi", "2");
        let mut sidecar = proxy.clone();
        sidecar["restartPolicy"] = json!("Always");
        for (spec, memory, cpu) in [
            (json!({ "containers": [probe] }), Some(128), Some(500)),
            (json!({ "containers": [probe, proxy] }), Some(1152), Some(2500)),
            (json!({ "containers": [probe], "initContainers": [sidecar] }), Some(1152), Some(2500)),
            (json!({ "containers": [probe], "initContainers": [proxy] }), Some(1024), Some(2000)),
            (json!({ "containers": [probe, { "name": "proxy" }] }), None, None),
            (
                json!({ "containers": [probe], "resources": { "limits": { "memory": "256Mi" } } }),
                Some(256),
                Some(500),
            ),
        ] {
            assert_eq!(limits(&spec), (memory, cpu), "{spec}");
        }
    }

    #[test]
    fn a_containers_own_limits_are_found_by_its_name() {
        let spec =
            json!({ "containers": [container("proxy", "1Gi", "2"), container("probe", "128Mi", "500m")] });
        let pod = serde_json::from_value(json!({ "metadata": {}, "spec": spec })).unwrap();
        assert_eq!(of_container(&pod, "probe").cpu_millis, Some(500));
    }

    #[test]
    fn the_overhead_of_the_admitted_pod_counts() {
        let of = |overhead: Value| {
            let spec = json!({ "containers": [container("probe", "128Mi", "500m")], "overhead": overhead });
            let limits =
                of_sandbox(&serde_json::from_value(json!({ "metadata": {}, "spec": spec })).unwrap());
            (limits.memory.map(|bytes| bytes >> 20), limits.cpu_millis)
        };
        assert_eq!(of(json!({ "memory": "64Mi", "cpu": "250m" })), (Some(192), Some(750)));
        assert_eq!(of(json!({ "memory": "64Mi" })), (Some(192), Some(500)));
        assert_eq!(of(json!(null)), (Some(128), Some(500)));
    }

    #[test]
    fn a_resize_is_known_by_each_of_its_traces() {
        let resized = |metadata: &Value, status: &Value| {
            let spec = json!({ "containers": [container("web", "128Mi", "500m")] });
            are_resized(
                &serde_json::from_value(json!({ "metadata": metadata, "spec": spec, "status": status }))
                    .unwrap(),
            )
        };
        let by = |subresource: &str| json!({ "managedFields": [{ "manager": "kubectl", "subresource": subresource }] });
        let having = |memory: &str| {
            let limits = json!({ "limits": { "memory": memory, "cpu": "0.5" } });
            let status = json!({
                "name": "web", "image": "", "imageID": "", "ready": true, "restartCount": 0, "resources": limits,
            });
            json!({ "containerStatuses": [status] })
        };
        let condition = |kind: &str| json!({ "conditions": [{ "type": kind, "status": "True" }] });
        for (metadata, status, expected) in [
            (json!({}), json!({}), false),
            (by("status"), json!({}), false),
            (by("resize"), json!({}), true),
            (json!({}), json!({ "resize": "InProgress" }), true),
            (json!({}), condition("PodResizePending"), true),
            (json!({}), condition("PodResizeInProgress"), true),
            (json!({}), condition("Ready"), false),
            (json!({}), having("128Mi"), false),
            (json!({}), having("64Mi"), true),
        ] {
            assert_eq!(resized(&metadata, &status), expected, "{metadata} {status}");
        }
    }
}
