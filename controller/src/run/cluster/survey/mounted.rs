//! The paths where a container mounts something.

use k8s_openapi::api::core::v1::Container;

/// Returns the paths of a container's volumes, and of the file for its termination message, which the kubelet mounts too
/// (`pkg/kubelet/kuberuntime/kuberuntime_container.go`).
pub(super) fn paths(container: &Container) -> Vec<String> {
    let volumes = container.volume_mounts.iter().flatten().map(|mount| mount.mount_path.clone());
    volumes.chain(container.termination_message_path.clone()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn volumes_and_the_termination_message_are_mounted() {
        let container = json!({
            "name": "app",
            "terminationMessagePath": "/dev/termination-log",
            "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
        });
        let container = serde_json::from_value(container).unwrap();
        assert_eq!(paths(&container), ["/data", "/dev/termination-log"]);
    }
}
