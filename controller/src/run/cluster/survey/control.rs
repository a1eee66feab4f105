//! Facts for the control pods: the policies that could shut off the listener, and the address of the cluster's DNS.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client, api::ListParams};

use super::{
    policies::{self, OtherKinds},
    unreadable,
};
use crate::case::cluster::{Access, Addresses, Direction, Read};

/// The namespace of Kubernetes' DNS, and the label of its Service (kubernetes.io, "Customizing DNS Service").
const DNS: (&str, &str) = ("kube-system", "k8s-app=kube-dns");

/// Returns the policies of the control namespace that may shut off the listener. A probe fails to reach it then for a
/// reason outside of its own policies.
pub(super) async fn policies(
    client: &Client,
    kinds: &OtherKinds,
    namespace: Option<&str>,
) -> Option<Read<Vec<String>>> {
    let namespace = namespace?;
    let read = policies::read(client, kinds, namespace).await;
    let own = read.own.map(|own| {
        let policies = own.into_iter().map(|standing| standing.policy);
        let shutting = policies.filter(|policy| policy.ingress != Direction::Unbound);
        shutting.map(|policy| format!("NetworkPolicy {}", policy.name)).collect::<Vec<_>>()
    });
    Some(own.and_then(|own| {
        let others = read.others?.into_iter().map(|standing| standing.policy.title);
        Ok(own.into_iter().chain(others).collect())
    }))
}

/// Returns the addresses of the cluster's DNS and of its API server, from their Services.
pub(super) async fn addresses(client: &Client) -> Read<Addresses> {
    let (namespace, label) = DNS;
    let dns = Api::<Service>::namespaced(client.clone(), namespace);
    let what = Access::list("services").within(namespace);
    let labelled = ListParams::default().labels(label);
    let api_server = Api::<Service>::namespaced(client.clone(), "default");
    let (dns, api_server) = tokio::join!(dns.list(&labelled), api_server.get("kubernetes"));
    let dns = dns.map_err(unreadable(what))?.items.into_iter().flat_map(cluster_ips).collect();
    let api_server = api_server.map_err(unreadable(Access::get("services").within("default")))?;
    Ok(Addresses { dns, api_server: cluster_ips(api_server) })
}

fn cluster_ips(service: Service) -> Vec<IpAddr> {
    let addresses = service.spec.and_then(|spec| spec.cluster_ips).unwrap_or_default();
    addresses.into_iter().filter_map(|address| address.parse().ok()).collect()
}
