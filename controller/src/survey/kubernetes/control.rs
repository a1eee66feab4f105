//! What the control needs to know: whether its own namespace could shut the witness off, and where the cluster's DNS is.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client, api::ListParams};

use super::{policies, unreadable};
use crate::cluster::{Direction, Read};

/// Where Kubernetes' DNS runs, and the label of its Service (kubernetes.io, "Customizing DNS Service").
const DNS: (&str, &str) = ("kube-system", "k8s-app=kube-dns");

/// Policies of the control namespace that may keep a probe from the witness, for reasons that are none of the probe's.
pub(super) async fn policies(client: &Client, namespace: Option<&str>) -> Option<Read<Vec<String>>> {
    let namespace = namespace?;
    let (own, others) =
        tokio::join!(policies::of_namespace(client, namespace), policies::others(client, namespace));
    let own = own.map(|own| {
        let shutting = own.into_iter().filter(|policy| policy.ingress != Direction::Unbound);
        shutting.map(|policy| format!("NetworkPolicy {}", policy.name)).collect::<Vec<_>>()
    });
    Some(own.and_then(|own| others.map(|others| own.into_iter().chain(others).collect())))
}

/// The addresses of the cluster's DNS; none where it has no Service that is known.
pub(super) async fn dns(client: &Client) -> Read<Vec<IpAddr>> {
    let (namespace, label) = DNS;
    let api = Api::<Service>::namespaced(client.clone(), namespace);
    let what = format!("list services in {namespace}");
    let services = api.list(&ListParams::default().labels(label)).await.map_err(unreadable(&what))?;
    let specs = services.items.into_iter().filter_map(|service| service.spec);
    let addresses = specs.flat_map(|spec| spec.cluster_ips.unwrap_or_default());
    Ok(addresses.filter_map(|address| address.parse().ok()).collect())
}
