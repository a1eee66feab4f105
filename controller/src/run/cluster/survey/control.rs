//! Facts for the control pods: the policies that could shut off the listener, and the address of the cluster's DNS.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client, api::ListParams};

use super::{
    policies::{self, OtherKinds},
    unreadable,
};
use crate::case::cluster::{Access, Addresses, ControlNamespace, Read};

/// The namespace of Kubernetes' DNS, and the label of its Service (kubernetes.io, "Customizing DNS Service").
const DNS: (&str, &str) = ("kube-system", "k8s-app=kube-dns");

/// Returns the control namespace with the policies that may keep a probe from the listener.
pub(super) async fn namespace(
    client: &Client,
    kinds: &OtherKinds,
    name: Option<&str>,
) -> Option<ControlNamespace> {
    let name = name?;
    let (labels, policies) =
        tokio::join!(super::labels_of(client, name), policies::read(client, kinds, name));
    Some(ControlNamespace { name: name.to_owned(), labels, policies })
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
