//! The limits of a pod, as the kubelet computes them (component-helpers, `resource/helpers.go`, `PodLimits`).

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};

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

/// Returns the limits of the whole pod, without overhead: its own, or those of its containers together. One container without
/// a limit leaves the pod without that limit.
pub(super) fn of_pod(pod: &Pod) -> Limits {
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
    let limits = resources.and_then(|resources| resources.limits.as_ref());
    let limit = |name: &str| limits.and_then(|limits| limits.get(name)).map(|quantity| quantity.0.as_str());
    Limits {
        memory: limit("memory").and_then(bytes).filter(|&bytes| bytes > 0),
        cpu_millis: limit("cpu").and_then(millis).filter(|&millis| millis > 0),
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
}
