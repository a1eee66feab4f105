//! Annotations by which the container runtime gives a pod files or devices of its node. A pod's specification names none of them, and a
//! probe does not carry them.

use crate::case::cluster::Labels;

/// The keys, up to a slash; the part behind it names a container.
const GIVERS: &[&str] = &[
    // NRI's device injector (containerd/nri, `plugins/device-injector`), by the keys of present and earlier releases.
    "cdi-devices.noderesource.dev",
    "cdi-devices.nri.io",
    "devices.noderesource.dev",
    "devices.nri.io",
    "mounts.noderesource.dev",
    "mounts.nri.io",
    // An identity's files of the node (containerd/nri, `plugins`).
    "identity.noderesource.dev",
    // The Container Device Interface (cncf-tags/container-device-interface, `pkg/cdi/annotations.go`).
    "cdi.k8s.io",
    // CRI-O, `pkg/annotations`: devices, and the folder of the pod's logs.
    "devices.crio.io",
    "io.kubernetes.cri-o.Devices",
    "io.kubernetes.cri-o.LinkLogs",
    "link-logs.crio.io",
];

/// Returns the annotations that give a pod something of its node.
pub(crate) fn giving(all: &Labels) -> Labels {
    all.iter().filter(|(key, _)| is_giver(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Returns the part of a giving key that tells who gives.
pub(crate) fn giver(key: &str) -> &str {
    key.split('/').next().unwrap_or_default()
}

fn is_giver(key: &str) -> bool {
    GIVERS.contains(&giver(key))
}
