//! Settings of containers that loosen their confinement, as the Pod Security Standards list them (kubernetes.io, "Pod Security
//! Standards"; k8s.io/pod-security-admission, `policy/`).

use k8s_openapi::api::core::v1::{
    AppArmorProfile, Container, Lifecycle, LifecycleHandler, PodSpec, Probe, SELinuxOptions, SecurityContext,
    WindowsSecurityContextOptions,
};

use crate::case::cluster::{Labels, Loosened, annotations};

/// Types of SELinux that the standards allow.
const TYPES: &[&str] = &["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

/// Returns the settings of a container, with those that it has from its pod.
pub(super) fn of(
    spec: &PodSpec,
    all: &Labels,
    name: &str,
    context: Option<&SecurityContext>,
) -> Vec<Loosened> {
    let pod = spec.security_context.as_ref();
    let annotated = annotations::unconfines(all, name);
    let profile = context.and_then(|context| context.app_armor_profile.as_ref());
    let profile = profile.or_else(|| pod.and_then(|pod| pod.app_armor_profile.as_ref()));
    let options = [
        pod.and_then(|pod| pod.se_linux_options.as_ref()),
        context.and_then(|context| context.se_linux_options.as_ref()),
    ];
    let windows = [
        pod.and_then(|pod| pod.windows_options.as_ref()),
        context.and_then(|context| context.windows_options.as_ref()),
    ];
    [
        (Loosened::AppArmor, annotated || profile.is_some_and(is_unconfined)),
        (Loosened::SeLinux, options.into_iter().flatten().any(is_unusual)),
        (Loosened::HostProcess, windows.into_iter().flatten().any(is_host_process)),
    ]
    .into_iter()
    .filter_map(|(loosened, set)| set.then_some(loosened))
    .collect()
}

/// Returns true if a check or a hook of the container names a host.
pub(super) fn asks_a_host(container: &Container) -> bool {
    let probes = [&container.liveness_probe, &container.readiness_probe, &container.startup_probe];
    let of_probe = |probe: &Probe| {
        let hosts = [
            probe.http_get.as_ref().and_then(|get| get.host.as_ref()),
            probe.tcp_socket.as_ref().and_then(|socket| socket.host.as_ref()),
        ];
        hosts.into_iter().flatten().any(|host| !host.is_empty())
    };
    let of_handler = |handler: &LifecycleHandler| {
        let hosts = [
            handler.http_get.as_ref().and_then(|get| get.host.as_ref()),
            handler.tcp_socket.as_ref().and_then(|socket| socket.host.as_ref()),
        ];
        hosts.into_iter().flatten().any(|host| !host.is_empty())
    };
    let of_hooks =
        |hooks: &Lifecycle| [&hooks.post_start, &hooks.pre_stop].into_iter().flatten().any(of_handler);
    probes.into_iter().flatten().any(of_probe) || container.lifecycle.as_ref().is_some_and(of_hooks)
}

fn is_unconfined(profile: &AppArmorProfile) -> bool {
    profile.type_ == "Unconfined"
}

fn is_unusual(options: &SELinuxOptions) -> bool {
    let is_set = |value: &Option<String>| value.as_ref().is_some_and(|value| !value.is_empty());
    is_set(&options.user)
        || is_set(&options.role)
        || options.type_.as_deref().is_some_and(|type_| !TYPES.contains(&type_))
}

fn is_host_process(options: &WindowsSecurityContextOptions) -> bool {
    options.host_process == Some(true)
}
