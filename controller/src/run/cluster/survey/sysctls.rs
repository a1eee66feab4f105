//! Kernel parameters that a pod sets.

use k8s_openapi::api::core::v1::PodSpec;

/// Parameters of the pod's own namespaces, which the Pod Security Standards allow (kubernetes.io, "Using sysctls in a Kubernetes
/// Cluster", "Safe and Unsafe Sysctls").
const SAFE: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

/// Returns the names of the parameters that a pod sets, except safe ones.
pub(super) fn unsafe_ones(spec: &PodSpec) -> Vec<String> {
    let context = spec.security_context.as_ref();
    let set = context.and_then(|context| context.sysctls.as_ref()).into_iter().flatten();
    set.map(|it| it.name.clone()).filter(|name| !SAFE.contains(&name.as_str())).collect()
}
