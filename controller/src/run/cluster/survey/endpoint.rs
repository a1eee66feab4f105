//! Pods and pod templates, as far as policies select them.

use k8s_openapi::{
    api::core::v1::{Container, Pod, PodSpec, PodTemplateSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use crate::{
    case::policy::{Endpoint, NamedPort, Transport},
    support::names::DEFAULT_ACCOUNT,
};

/// Returns the endpoint that a template will make.
pub(super) fn of_template(template: &PodTemplateSpec) -> Endpoint {
    of(template.metadata.as_ref(), template.spec.as_ref())
}

/// Returns the endpoint of a pod, with the pod's addresses.
pub(super) fn of_pod(pod: &Pod) -> Endpoint {
    let addresses = pod.status.as_ref().and_then(|status| status.pod_ips.as_deref()).unwrap_or_default();
    Endpoint {
        addresses: addresses.iter().filter_map(|address| address.ip.parse().ok()).collect(),
        ..of(Some(&pod.metadata), pod.spec.as_ref())
    }
}

fn of(metadata: Option<&ObjectMeta>, spec: Option<&PodSpec>) -> Endpoint {
    let regular = spec.iter().flat_map(|spec| &spec.containers);
    let containers = regular.chain(spec.iter().flat_map(|spec| spec.init_containers.iter().flatten()));
    Endpoint {
        labels: metadata.and_then(|metadata| metadata.labels.clone()).unwrap_or_default().into(),
        service_account: spec.map_or_else(|| DEFAULT_ACCOUNT.to_owned(), account),
        ports: containers.flat_map(ports).collect(),
        in_the_nodes_network: spec.is_some_and(|spec| spec.host_network == Some(true)),
        ..Endpoint::default()
    }
}

/// Returns the name of a pod's service account.
pub(super) fn account(spec: &PodSpec) -> String {
    let named = spec.service_account_name.clone().filter(|name| !name.is_empty());
    named.unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned())
}

fn ports(container: &Container) -> impl Iterator<Item = NamedPort> {
    container.ports.iter().flatten().filter_map(|port| {
        Some(NamedPort {
            name: port.name.clone()?,
            number: u16::try_from(port.container_port).ok()?,
            transport: Transport::parse(port.protocol.as_deref().unwrap_or("TCP"))?,
        })
    })
}
