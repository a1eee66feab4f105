//! Pods and Services of the namespaces that rules name as peers. They are read for an allow-list alone: it names addresses,
//! and the rules name labels.

use futures_util::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};

use super::{endpoint, list, selecting};
use crate::case::{
    cluster::{Access, Labels, Peers, Read},
    policy::{Endpoint, NAME_LABEL, Policies},
};

/// The most namespaces that are read.
const MOST: usize = 8;

pub(crate) async fn read(client: &Client, policies: &Policies) -> Vec<Peers> {
    let namespaces = policies.namespaces_of_peers().into_iter().take(MOST);
    join_all(namespaces.map(|namespace| of(client, namespace))).await
}

async fn of(client: &Client, namespace: String) -> Peers {
    let api = Api::<Pod>::namespaced(client.clone(), &namespace);
    let what = Access::list("pods").within(&namespace);
    let pods = list(api, what, |pod| endpoint::of_pod(&pod));
    let (pods, services) = tokio::join!(pods, selecting::services(client, &namespace));
    let labels = Labels::from([(NAME_LABEL.to_owned(), namespace.clone())]);
    let pods: Read<Vec<Endpoint>> = pods.map(|pods| {
        let named = |pod: Endpoint| Endpoint {
            namespace: namespace.clone(),
            namespace_labels: Some(labels.clone()),
            ..pod
        };
        pods.into_iter().map(named).collect()
    });
    Peers { namespace, pods, services }
}
