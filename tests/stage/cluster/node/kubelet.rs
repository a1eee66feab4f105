//! The kubelet's configuration.

use serde_json::{Value, json};

use super::Node;

impl Node {
    pub(super) fn kubelet_configuration(&self) -> Value {
        json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": format!("unix://{}", self.socket().display()),
            "failCgroupV1": false,
            "failSwapOn": false,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": format!("/{}", self.state.group(self.name)),
            "enforceNodeAllocatable": [],
            "localStorageCapacityIsolation": false,
            // The tests do not depend on the machine's free disk space.
            "evictionHard": { "memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%" },
            "imageGCHighThresholdPercent": 100,
            // Else an image that was imported and is then pulled by another name would have to be pulled by its first name too.
            "imagePullCredentialsVerificationPolicy": "NeverVerify",
            "authentication": { "anonymous": { "enabled": true }, "webhook": { "enabled": false } },
            "authorization": { "mode": "AlwaysAllow" },
            "resolvConf": self.folder.join("resolv.conf"),
            "podLogsDir": self.folder.join("logs"),
            "volumePluginDir": self.folder.join("plugins"),
            "nodeStatusUpdateFrequency": "5s",
        })
    }
}
