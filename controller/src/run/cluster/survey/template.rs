//! A pod's specification, reduced to the parts that are judged.

use std::net::IpAddr;

use k8s_openapi::{
    api::core::v1::{
        Container as ApiContainer, NodeSelectorRequirement, PodSpec, ResourceRequirements,
        SeccompProfile as ApiSeccompProfile, SecurityContext, Toleration as ApiToleration,
        Volume as ApiVolume,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{credentials, devices, endpoint, images, loosened, mounted, secrets, storage, sysctls, tokens};
use crate::case::{
    cluster::{
        Affinity, Container, ContainerKind, DeviceRequest, Labels, Loosened, Origin, Placement, PodView,
        Requirement, SeccompProfile, Toleration, Volume, VolumeKind, annotations, bytes, millis,
    },
    limits::Limits,
};

pub(super) fn pod_view(origin: Origin, metadata: ObjectMeta, spec: &PodSpec) -> PodView {
    let all = metadata.annotations.unwrap_or_default();
    let volumes = spec.volumes.as_deref().unwrap_or_default();
    let tokens = tokens::of(&origin, spec);
    let credentials = credentials::given(spec, &all).into_iter().chain(tokens.others).collect();
    let created = metadata.creation_timestamp.filter(|_| !origin.is_template());
    PodView {
        created: created.map(|time| time.0.as_second()),
        token: tokens.for_api_server,
        unclear_tokens: tokens.unclear,
        deciding_account: deciding_account(spec),
        name_servers: name_servers(spec),
        secrets: Some(secrets::named(spec)),
        credentials: Some(credentials),
        images: Some(images::of(spec, None)),
        labels: metadata.labels.unwrap_or_default().into(),
        service_account: endpoint::account(spec),
        gvisor_annotations: annotations::gvisor(&all),
        network_annotations: annotations::networks::annotations(&all),
        injection_annotations: annotations::injection::carried(&all),
        runtime_class: spec.runtime_class_name.clone().filter(|name| !name.is_empty()),
        node: spec.node_name.clone().filter(|name| !name.is_empty()),
        placement: placement(&origin, spec).into(),
        containers: containers(spec, &all).into(),
        limits: limits(spec.resources.as_ref()),
        volumes: volumes.iter().filter_map(|volume| outside(&origin, volume)).chain(given(&all)).collect(),
        devices: Some(devices::asked_for(spec)),
        host_namespaces: host_namespaces(spec),
        sysctls: sysctls::unsafe_ones(spec),
        root_allowed: root_allowed(spec, &[]),
        by_admission: Vec::new(),
        fields_by_admission: Vec::new(),
        origin,
    }
}

fn name_servers(spec: &PodSpec) -> Vec<IpAddr> {
    let servers = spec.dns_config.as_ref().and_then(|config| config.nameservers.as_deref());
    servers.unwrap_or_default().iter().filter_map(|server| server.parse().ok()).collect()
}

fn placement(origin: &Origin, spec: &PodSpec) -> Placement {
    let required = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required =
        required.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    let requirement = |requirement: &NodeSelectorRequirement| Requirement {
        key: requirement.key.clone(),
        operator: requirement.operator.clone(),
        values: requirement.values.clone().unwrap_or_default(),
    };
    let requirements =
        |list: Option<&Vec<NodeSelectorRequirement>>| list.into_iter().flatten().map(requirement).collect();
    let terms = required.into_iter().flat_map(|selector| &selector.node_selector_terms);
    Placement {
        node_selector: spec.node_selector.clone().unwrap_or_default(),
        affinity: terms
            .map(|term| Affinity {
                labels: requirements(term.match_expressions.as_ref()),
                fields: requirements(term.match_fields.as_ref()),
            })
            .collect(),
        tolerations: tolerations(spec.tolerations.as_deref())
            .into_iter()
            .chain(for_devices(origin, spec))
            .collect(),
    }
}

/// Returns the tolerations that admission gives the pods of a template for their devices: nodes with a device are often tainted
/// with the name of its resource (kubernetes.io, "Admission Control", `ExtendedResourceToleration`).
fn for_devices(origin: &Origin, spec: &PodSpec) -> Vec<Toleration> {
    let devices = devices::asked_for(spec).into_iter();
    let resources = devices.filter(|it| origin.is_template() && it.by == DeviceRequest::Resource);
    let toleration = |name| Toleration {
        key: Some(name),
        operator: Some("Exists".to_owned()),
        effect: Some("NoSchedule".to_owned()),
        ..Toleration::default()
    };
    resources.map(|device| toleration(device.name)).collect()
}

pub(super) fn tolerations(list: Option<&[ApiToleration]>) -> Vec<Toleration> {
    let convert = |toleration: &ApiToleration| Toleration {
        key: toleration.key.clone(),
        operator: toleration.operator.clone(),
        value: toleration.value.clone(),
        effect: toleration.effect.clone().filter(|effect| !effect.is_empty()),
        seconds: toleration.toleration_seconds,
    };
    list.unwrap_or_default().iter().map(convert).collect()
}

fn containers(spec: &PodSpec, annotations: &Labels) -> Vec<Container> {
    let whole = |it: &ApiContainer, kind| {
        let mut loosened = loosened::of(spec, annotations, &it.name, it.security_context.as_ref());
        loosened.extend(loosened::asks_a_host(it).then_some(Loosened::KubeletsRequest));
        Container { loosened: Some(loosened), ..container(it, kind) }
    };
    let init = spec.init_containers.iter().flatten().map(|it| whole(it, kind_of_init(it)));
    let regular = spec.containers.iter().map(|it| whole(it, ContainerKind::Regular));
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|it| Container {
        name: it.name.clone(),
        kind: ContainerKind::Ephemeral,
        loosened: Some(loosened::of(spec, annotations, &it.name, it.security_context.as_ref())),
        ..secured(it.security_context.as_ref())
    });
    let of_pod = spec.security_context.as_ref().and_then(|pod| pod.seccomp_profile.as_ref());
    let inheriting = |container: Container| match container.seccomp {
        SeccompProfile::Unnamed if !container.privileged => {
            Container { seccomp: seccomp(of_pod), ..container }
        }
        _ => container,
    };
    init.chain(regular).chain(ephemeral).map(inheriting).collect()
}

fn kind_of_init(container: &ApiContainer) -> ContainerKind {
    match container.restart_policy.as_deref() {
        Some("Always") => ContainerKind::Sidecar,
        _ => ContainerKind::Init,
    }
}

fn container(api: &ApiContainer, kind: ContainerKind) -> Container {
    let Limits { memory, cpu_millis, .. } = limits(api.resources.as_ref());
    let ports = api.ports.iter().flatten();
    let by_tcp = ports.clone().filter(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP");
    Container {
        name: api.name.clone(),
        kind,
        memory,
        cpu_millis,
        ports: by_tcp.filter_map(|port| u16::try_from(port.container_port).ok()).collect(),
        host_ports: ports.filter_map(|port| port.host_port).filter(|&port| port != 0).collect(),
        mount_paths: Some(mounted::paths(api)),
        ..secured(api.security_context.as_ref())
    }
}

/// Returns the limits of a container or a pod. Zero is no limit (kubelet, `pkg/kubelet/cm/helpers_linux.go`).
fn limits(resources: Option<&ResourceRequirements>) -> Limits {
    let limits = resources.and_then(|resources| resources.limits.as_ref());
    let limit = |name: &str| limits.and_then(|limits| limits.get(name)).map(|quantity| quantity.0.as_str());
    Limits {
        memory: limit("memory").and_then(bytes).filter(|&bytes| bytes > 0),
        cpu_millis: limit("cpu").and_then(millis).filter(|&millis| millis > 0),
        pids: None,
    }
}

fn secured(context: Option<&SecurityContext>) -> Container {
    let context = context.cloned().unwrap_or_default();
    let (add, drop) = context.capabilities.map(|it| (it.add, it.drop)).unwrap_or_default();
    let drops_all = drop.iter().flatten().any(|capability| capability.eq_ignore_ascii_case("ALL"));
    Container {
        keeps_capabilities: !drops_all,
        may_gain_privileges: context.allow_privilege_escalation != Some(false),
        privileged: context.privileged == Some(true),
        added_capabilities: add.unwrap_or_default(),
        writable_root: Some(context.read_only_root_filesystem != Some(true)),
        unmasked_proc: context.proc_mount.as_deref() == Some("Unmasked"),
        seccomp: seccomp(context.seccomp_profile.as_ref()),
        ..Container::default()
    }
}

fn seccomp(profile: Option<&ApiSeccompProfile>) -> SeccompProfile {
    match profile.map(|profile| profile.type_.as_str()) {
        None => SeccompProfile::Unnamed,
        Some("Unconfined") => SeccompProfile::Unconfined,
        Some(_) => SeccompProfile::Named,
    }
}

/// Returns a volume of an unknown driver for each annotation that gives a pod something of its node.
fn given(annotations: &Labels) -> impl Iterator<Item = Volume> {
    annotations::givers::giving(annotations).into_keys().map(|key| Volume {
        kind: VolumeKind::Driver,
        source: annotations::givers::giver(&key).to_owned(),
        name: key,
        ..Volume::default()
    })
}

/// Returns the volume if it reaches the node's files, a driver's or another machine's; `None` if it is the pod's own.
fn outside(origin: &Origin, volume: &ApiVolume) -> Option<Volume> {
    let of = |kind: VolumeKind, source: &str| {
        Some(Volume { name: volume.name.clone(), kind, source: source.to_owned(), ..Volume::default() })
    };
    if let Some(path) = &volume.host_path {
        return of(VolumeKind::HostPath, &path.path);
    }
    if let Some(claim) = &volume.persistent_volume_claim {
        return of(VolumeKind::Claim, &claim.claim_name);
    }
    if let Some(ephemeral) = &volume.ephemeral {
        // The claim is made with the pod and carries both names. A template's claim does not exist yet.
        let claim = origin.pod.as_ref().map(|pod| format!("{pod}-{}", volume.name)).unwrap_or_default();
        let template = ephemeral.volume_claim_template.as_ref();
        let class = template.and_then(|template| {
            let annotations = template.metadata.as_ref().and_then(|metadata| metadata.annotations.as_ref());
            storage::class(annotations, template.spec.storage_class_name.clone())
        });
        return of(VolumeKind::Claim, &claim).map(|claim| Volume { class, ..claim });
    }
    if let Some(csi) = &volume.csi {
        return of(VolumeKind::Csi, &csi.driver);
    }
    if let Some(flex) = &volume.flex_volume {
        return of(VolumeKind::Driver, &flex.driver);
    }
    match storage::network_of_pod(volume) {
        Some(field) => of(VolumeKind::Network, field),
        None if is_own(volume) => None,
        // A source that this version does not know.
        None => of(VolumeKind::Driver, "unknown"),
    }
}

/// Returns true for a volume that the kubelet makes for the pod alone, or from an object or an image.
fn is_own(volume: &ApiVolume) -> bool {
    volume.empty_dir.is_some()
        || volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.downward_api.is_some()
        || volume.projected.is_some()
        || volume.image.is_some()
        || volume.git_repo.is_some()
}

fn host_namespaces(spec: &PodSpec) -> Vec<String> {
    let shared = [("network", spec.host_network), ("pid", spec.host_pid), ("ipc", spec.host_ipc)];
    shared.into_iter().filter(|&(_, shared)| shared == Some(true)).map(|(name, _)| name.to_owned()).collect()
}

/// Returns the name of the first container that may run as root: it names no other user and does not refuse root. An ephemeral
/// container of these names has ended, and is never started again.
pub(super) fn root_allowed(spec: &PodSpec, ended: &[&str]) -> Option<String> {
    let pod = spec.security_context.as_ref();
    let of_pod = (pod.and_then(|pod| pod.run_as_user), pod.and_then(|pod| pod.run_as_non_root));
    let allows = |own: Option<&SecurityContext>| {
        let user = own.and_then(|own| own.run_as_user).or(of_pod.0);
        let non_root = own.and_then(|own| own.run_as_non_root).or(of_pod.1);
        user == Some(0) || (user.is_none() && non_root != Some(true))
    };
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let containers = containers.map(|it| (&it.name, it.security_context.as_ref()));
    let added = spec.ephemeral_containers.iter().flatten().filter(|it| !ended.contains(&it.name.as_str()));
    let added = added.map(|it| (&it.name, it.security_context.as_ref()));
    let first = containers.chain(added).find(|(_, own)| allows(*own));
    first.map(|(name, _)| name.clone())
}

/// Returns the service account's name unless the pod itself asks for a token or refuses one.
fn deciding_account(spec: &PodSpec) -> Option<String> {
    spec.automount_service_account_token.is_none().then(|| endpoint::account(spec))
}

#[cfg(test)]
mod shapes;

#[cfg(test)]
mod tests;
