//! Services: the cluster's own, which probes try, and those of the namespace. Each is read with the addresses behind it.

use std::net::{IpAddr, SocketAddr};

use k8s_openapi::{
    api::{
        core::v1::{Service, ServicePort},
        discovery::v1::EndpointSlice,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::{Api, Client, api::ListParams};
use proto::Protocol;

use super::unreadable;
use crate::case::{
    cluster::{Access, Addresses, Forward, Read, Selector},
    policy::{Endpoint, Transport},
};

/// The namespace of Kubernetes' DNS, and the label of its Service (kubernetes.io, "Customizing DNS Service").
const DNS: (&str, &str) = ("kube-system", "k8s-app=kube-dns");
/// The namespace and the name of the API server's Service.
const API_SERVER: (&str, &str) = ("default", "kubernetes");
/// The label that names the Service of an `EndpointSlice` (kubernetes.io, "Endpoint Slices").
const OWNER: &str = "kubernetes.io/service-name";

/// The Services that every cluster has.
pub(super) struct Own {
    /// The Services' own addresses, as far as they could be read.
    pub(super) addresses: Addresses,
    /// The addresses behind the DNS Services.
    pub(super) dns: Read<Vec<SocketAddr>>,
    /// The addresses of the API servers.
    pub(super) api_server: Read<Vec<SocketAddr>>,
    /// Both, port by port.
    pub(super) forwards: Vec<Forward>,
}

/// Reads the Services of the cluster's DNS and of its API server.
pub(super) async fn own(client: &Client) -> Own {
    let (dns, api_server) = tokio::join!(dns(client), api_server(client));
    let of = |read: &Read<Served>| read.as_ref().map(|served| served.addresses.clone()).unwrap_or_default();
    let addresses = Addresses { dns: of(&dns), api_server: of(&api_server) };
    let served = [&dns, &api_server].into_iter().flatten();
    let forwards = served.flat_map(|served| served.forwards.clone()).collect();
    let behind = |read: Read<Served>| read.and_then(|served| served.behind);
    Own { addresses, dns: behind(dns), api_server: behind(api_server), forwards }
}

/// The addresses of Services, and the addresses behind them.
struct Served {
    addresses: Vec<IpAddr>,
    behind: Read<Vec<SocketAddr>>,
    forwards: Vec<Forward>,
}

impl Served {
    fn of(services: &[Service], slices: Read<Vec<EndpointSlice>>, protocol: Protocol) -> Self {
        let addresses = services.iter().flat_map(cluster_ips).collect();
        let slices = match slices {
            Ok(slices) => slices,
            Err(unreadable) => return Self { addresses, behind: Err(unreadable), forwards: Vec::new() },
        };
        let forwards: Vec<_> = services
            .iter()
            .flat_map(|service| forwards(service, |port| sliced(service, port, &slices)))
            .collect();
        let wanted = forwards.iter().filter(|forward| forward.protocol == protocol);
        let mut behind: Vec<_> = wanted.flat_map(|forward| forward.to.clone()).collect();
        behind.sort_unstable();
        behind.dedup();
        Self { addresses, behind: Ok(behind), forwards }
    }
}

async fn dns(client: &Client) -> Read<Served> {
    let (namespace, label) = DNS;
    let services = Api::<Service>::namespaced(client.clone(), namespace);
    let labelled = ListParams::default().labels(label);
    let what = Access::list("services").within(namespace);
    let every = ListParams::default();
    let (services, slices) = tokio::join!(services.list(&labelled), slices(client, namespace, &every));
    Ok(Served::of(&services.map_err(unreadable(what))?.items, slices, Protocol::Udp))
}

async fn api_server(client: &Client) -> Read<Served> {
    let (namespace, name) = API_SERVER;
    let services = Api::<Service>::namespaced(client.clone(), namespace);
    let labelled = ListParams::default().labels(&format!("{OWNER}={name}"));
    let what = Access::get("services").within(namespace);
    let (service, slices) = tokio::join!(services.get(name), slices(client, namespace, &labelled));
    Ok(Served::of(&[service.map_err(unreadable(what))?], slices, Protocol::Tcp))
}

async fn slices(client: &Client, namespace: &str, labelled: &ListParams) -> Read<Vec<EndpointSlice>> {
    let what = Access::list("endpointslices.discovery.k8s.io").within(namespace);
    let api = Api::<EndpointSlice>::namespaced(client.clone(), namespace);
    Ok(api.list(labelled).await.map_err(unreadable(what))?.items)
}

/// Returns the ports of the namespace's Services, each with the addresses of the pods that the Service selects.
pub(super) fn of_namespace(services: &[Service], pods: &[Endpoint]) -> Vec<Forward> {
    services
        .iter()
        .flat_map(|service| {
            let equals = service.spec.as_ref().and_then(|spec| spec.selector.clone()).unwrap_or_default();
            let selects = !equals.is_empty();
            let selector = Selector { equals, requirements: Vec::new() };
            let selected =
                pods.iter().filter(|pod| selects && selector.selects(&pod.labels)).collect::<Vec<_>>();
            forwards(service, |port| selected.iter().flat_map(|pod| of_pod(pod, port)).collect())
        })
        .collect()
}

fn of_pod(pod: &Endpoint, port: &ServicePort) -> Vec<SocketAddr> {
    let number = match &port.target_port {
        Some(IntOrString::String(name)) => {
            let transport = Transport::parse(port.protocol.as_deref().unwrap_or("TCP"));
            let declared = pod.ports.iter().find(|it| it.name == *name && Some(it.transport) == transport);
            declared.map(|it| it.number)
        }
        Some(IntOrString::Int(number)) if *number != 0 => u16::try_from(*number).ok(),
        Some(IntOrString::Int(_)) | None => u16::try_from(port.port).ok(),
    };
    number
        .map(|number| pod.addresses.iter().map(|&it| SocketAddr::new(it, number)).collect())
        .unwrap_or_default()
}

/// Returns the addresses behind a port by the Service's `EndpointSlice` objects.
fn sliced(service: &Service, port: &ServicePort, slices: &[EndpointSlice]) -> Vec<SocketAddr> {
    let name = service.metadata.name.as_ref();
    let of_service = slices.iter().filter(|slice| {
        name.is_some() && slice.metadata.labels.as_ref().and_then(|labels| labels.get(OWNER)) == name
    });
    // The name of a Service's only port may be missing at one side and empty at the other.
    let label = |name: &Option<String>| name.clone().unwrap_or_default();
    let by_protocol = |protocol: &Option<String>| protocol.clone().unwrap_or_else(|| "TCP".to_owned());
    let pairs = of_service.flat_map(|slice| {
        let numbers = slice.ports.iter().flatten().filter(|it| {
            label(&it.name) == label(&port.name) && by_protocol(&it.protocol) == by_protocol(&port.protocol)
        });
        let numbers: Vec<_> = numbers.filter_map(|it| u16::try_from(it.port?).ok()).collect();
        let serving = slice.endpoints.iter().filter(|endpoint| {
            endpoint.conditions.as_ref().is_none_or(|conditions| conditions.ready != Some(false))
        });
        let addresses = serving.flat_map(|endpoint| &endpoint.addresses).filter_map(|it| it.parse().ok());
        addresses
            .flat_map(|address: IpAddr| {
                numbers.iter().map(move |&number| SocketAddr::new(address, number)).collect::<Vec<_>>()
            })
            .collect::<Vec<_>>()
    });
    pairs.collect()
}

/// Returns each port of a Service by TCP or UDP at each of its own addresses.
fn forwards(service: &Service, behind: impl Fn(&ServicePort) -> Vec<SocketAddr>) -> Vec<Forward> {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    let addresses: Vec<_> = cluster_ips(service);
    let forward = |port: &ServicePort| {
        let protocol = match port.protocol.as_deref().unwrap_or("TCP") {
            "TCP" => Protocol::Tcp,
            "UDP" => Protocol::Udp,
            _ => return Vec::new(),
        };
        let Ok(number) = u16::try_from(port.port) else { return Vec::new() };
        let to = behind(port);
        let at = |&address| Forward { address, port: number, protocol, to: to.clone() };
        addresses.iter().map(at).collect()
    };
    ports.iter().flat_map(forward).collect()
}

fn cluster_ips(service: &Service) -> Vec<IpAddr> {
    let addresses = service.spec.as_ref().and_then(|spec| spec.cluster_ips.as_deref()).unwrap_or_default();
    addresses.iter().filter_map(|address| address.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object<T: serde::de::DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    fn dns() -> Service {
        object(json!({
            "metadata": { "name": "kube-dns" },
            "spec": { "clusterIPs": ["10.96.0.10", "fd00::a"], "ports": [
                { "name": "dns", "protocol": "UDP", "port": 53, "targetPort": 5353 },
                { "name": "dns-tcp", "protocol": "TCP", "port": 53, "targetPort": 5353 },
                { "name": "metrics", "protocol": "TCP", "port": 9153 },
            ] },
        }))
    }

    fn slice(owner: &str, ready: bool) -> EndpointSlice {
        object(json!({
            "metadata": { "labels": { OWNER: owner } },
            "addressType": "IPv4",
            "endpoints": [{ "addresses": ["10.244.0.2"], "conditions": { "ready": ready } }],
            "ports": [
                { "name": "dns", "protocol": "UDP", "port": 5353 },
                { "name": "dns-tcp", "protocol": "TCP", "port": 5353 },
                { "name": "metrics", "protocol": "TCP", "port": 9153 },
            ],
        }))
    }

    #[test]
    fn the_programs_behind_a_service_are_those_of_its_slices_that_are_ready() {
        let slices = vec![slice("kube-dns", true), slice("kube-dns", false), slice("metrics-server", true)];
        let served = Served::of(&[dns()], Ok(slices), Protocol::Udp);
        assert_eq!(served.behind, Ok(vec!["10.244.0.2:5353".parse().unwrap()]));
        assert_eq!(served.addresses.len(), 2);
        assert_eq!(served.forwards.len(), 6);
    }

    #[test]
    fn unreadable_slices_leave_the_services_own_addresses() {
        let unreadable = crate::fixture::forbidden("list endpointslices");
        let served = Served::of(&[dns()], Err(unreadable.clone()), Protocol::Udp);
        assert_eq!((served.behind, served.addresses.len()), (Err(unreadable), 2));
    }

    #[test]
    fn a_namespaces_service_leads_to_the_ports_of_the_pods_that_it_selects() {
        let service = object(json!({
            "metadata": { "name": "gateway" },
            "spec": { "clusterIPs": ["10.96.0.77"], "selector": { "app": "gateway" }, "ports": [
                { "port": 443, "targetPort": "https" }, { "port": 80, "targetPort": 8080 }, { "port": 9090 },
            ] },
        }));
        let pod: k8s_openapi::api::core::v1::Pod = object(json!({
            "metadata": { "labels": { "app": "gateway" } },
            "spec": { "containers": [{ "name": "a", "ports": [{ "name": "https", "containerPort": 8443 }] }] },
            "status": { "podIPs": [{ "ip": "10.244.0.9" }] },
        }));
        let other = Endpoint { addresses: vec!["10.244.0.8".parse().unwrap()], ..Endpoint::default() };
        let found = of_namespace(&[service], &[super::super::endpoint::of_pod(&pod), other]);
        let to: Vec<_> = found.iter().map(|it| (it.port, it.to[0].to_string())).collect();
        let expected = [(443, "10.244.0.9:8443"), (80, "10.244.0.9:8080"), (9090, "10.244.0.9:9090")];
        assert_eq!(to, expected.map(|(port, to)| (port, to.to_owned())));
    }

    #[test]
    fn a_service_without_a_selector_leads_to_no_pod() {
        let service = object(json!({
            "spec": { "clusterIPs": ["10.96.0.77"], "ports": [{ "port": 443 }] },
        }));
        let pod = Endpoint { addresses: vec!["10.244.0.8".parse().unwrap()], ..Endpoint::default() };
        assert!(of_namespace(&[service], &[pod])[0].to.is_empty());
    }
}
