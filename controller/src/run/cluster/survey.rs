//! Declarations of a namespace, read from the cluster's API with the permissions that exist.

mod admitted;
mod classes;
mod credentials;
mod custom;
mod devices;
mod discovery;
mod endpoint;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod images;
mod loosened;
mod mounted;
mod neighbours;
mod new_workloads;
mod nodes;
pub(crate) mod peers;
mod pod_views;
mod policies;
mod quotas;
pub(crate) mod reading;
pub(crate) mod room;
mod running;
mod secrets;
mod selecting;
mod services;
mod storage;
mod sysctls;
mod template;
mod tokens;
mod workloads;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use k8s_openapi::api::core::v1::{Namespace, Node as ApiNode};
use kube::{Api, Client, api::ListParams};

use super::pages;
use discovery::ApiGroup;
pub(crate) use policies::OtherKinds;

use crate::{
    case::{
        cluster::{
            Access, Bonds, Cluster, ControlNamespace, Forward, Labels, Node, PodView, Read, Running,
            SecondReading, Unreadable,
        },
        policy::Policies,
    },
    plan::cluster::Known,
};

/// The label that enforces Pod Security (kubernetes.io, "Pod Security Admission").
const ENFORCED: &str = "pod-security.kubernetes.io/enforce";

/// Reads one pod, as its API server writes it.
pub fn pod_view(pod: serde_json::Value) -> Result<PodView, serde_json::Error> {
    Ok(pod_views::of_pod(serde_json::from_value(pod)?, &workloads::Makers::new()))
}

/// The namespaces to read, and how to pool nodes.
#[derive(Clone, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) namespace: &'a str,
    /// The namespace of the control pods; `None` if there are none.
    pub(crate) control: Option<&'a str>,
    /// The node label that names a pool, before the providers' own labels; `None` if the user names none.
    pub(crate) pool_label: Option<&'a str>,
}

/// Why a namespace cannot be surveyed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no namespace {name}{}", alike.as_ref().map(|alike| format!("; did you mean {alike}?")).unwrap_or_default())]
    NoSuchNamespace { name: String, alike: Option<String> },
    #[error("failed to reach the API server")]
    Reach(#[source] Box<kube::Error>),
}

/// The survey of a namespace.
pub(crate) struct Surveyed {
    pub(crate) cluster: Cluster,
    /// The kinds of policies besides Kubernetes' own.
    pub(crate) kinds: OtherKinds,
    /// The ports of the Services, with the addresses behind each.
    pub(crate) forwards: Vec<Forward>,
    /// The pods by their names, as far as they may be examined in place.
    pub(crate) running: BTreeMap<String, Running>,
    /// Why the memory that is left to running pods is not known; `None` if it is, or if no running pod is examined.
    pub(crate) room_unknown: Option<String>,
}

/// Reads everything concurrently. Only a missing namespace or a silent API server is an error.
pub(crate) async fn cluster(client: &Client, scope: &Scope<'_>) -> Result<Surveyed, Error> {
    let labels = namespace(client, scope.namespace).await?;
    // Two readers need the groups, and each goes on as soon as they are known.
    let groups = discovery::groups(client).shared();
    let (version, (pod_views, pods, unread_pod_views), classes, nodes, (kinds, policies, control), rest) = tokio::join!(
        version(client),
        async { pod_views::read(client, scope.namespace, &groups.clone().await).await },
        classes::read(client),
        nodes::read(client, scope.pool_label),
        async { bound(client, scope, &groups.clone().await).await },
        async {
            tokio::join!(
                quotas::default_limits(client, scope.namespace),
                storage::claims(client, scope.namespace),
                quotas::quotas(client, scope.namespace),
                selecting::read(client, scope.namespace),
                services::own(client),
            )
        },
    );
    let (default_limits, claims, quotas, (selecting, services), own_services) = rest;
    let services::Own { addresses, dns, api_server, mut forwards } = own_services;
    forwards.extend(services::of_namespace(&services, &pods.endpoints));
    let device_groups = groups.await;
    // Most namespaces have nothing about which these would be asked.
    let ((storage_classes, csi_drivers), device_claims) = tokio::join!(
        storage::makers(client, &pod_views, &claims),
        devices::claims(client, scope.namespace, (&pod_views, &device_groups))
    );
    let pod_security = labels.as_ref().ok().and_then(|labels| labels.get(ENFORCED).cloned());
    let bonds = Bonds { labels, policies: standing(&policies) };
    let cluster = Cluster {
        namespace: scope.namespace.to_owned(),
        pod_security,
        version,
        pod_views,
        unread_pod_views,
        classes,
        nodes,
        policies,
        bonds,
        changed: Vec::new(),
        later: None,
        default_limits,
        claims,
        storage_classes,
        csi_drivers,
        device_claims,
        quotas,
        selecting,
        control,
        addresses: Ok(addresses),
        dns_endpoints: dns,
        api_endpoints: api_server,
        peers: Vec::new(),
        neighbours: pods.neighbours,
    };
    Ok(Surveyed { cluster, kinds, forwards, running: pods.running, room_unknown: None })
}

/// Discovers the kinds of policies besides Kubernetes' own.
pub(crate) async fn other_kinds(client: &Client) -> OtherKinds {
    policies::other_kinds(client, &discovery::groups(client).await).await
}

/// Returns the parts of a node that a run reads.
pub(crate) fn node(api: ApiNode, pool_label: Option<&str>) -> Node {
    nodes::node(api, pool_label)
}

/// Returns a node's container runtime with its version, and its handlers with their features.
pub(super) fn runtime(node: &ApiNode) -> String {
    nodes::runtime(node)
}

/// Reads the nodes again.
pub(crate) async fn nodes_again(client: &Client, pool_label: Option<&str>) -> Read<Vec<Node>> {
    nodes::read(client, pool_label).await
}

/// Returns the policies of both namespaces, and the kinds of policies besides Kubernetes' own.
async fn bound(
    client: &Client,
    scope: &Scope<'_>,
    groups: &Read<Vec<ApiGroup>>,
) -> (OtherKinds, Policies, Option<ControlNamespace>) {
    let kinds = policies::other_kinds(client, groups).await;
    let ((policies, of_control), labels) =
        tokio::join!(policies::read(client, &kinds, scope.namespace, scope.control), async {
            Some(labels_of(client, scope.control?).await)
        });
    let control = scope.control.zip(labels).zip(of_control);
    let control = control.map(|((name, labels), policies)| ControlNamespace {
        name: name.to_owned(),
        labels,
        policies,
        later: None,
        later_labels: None,
    });
    (kinds, policies, control)
}

/// Reads again all that may have changed during the run; `made` are the run's own pods, and `known` those of the first reading. The
/// nodes are read after the pods, and only if one of these pods has a node; so are the workloads of a kind, if one of them made a new
/// pod.
pub(crate) async fn later(
    client: &Client,
    &Scope { namespace, control, pool_label }: &Scope<'_>,
    kinds: &OtherKinds,
    (made, known): (&BTreeSet<String>, &Known<'_>),
) -> SecondReading {
    let pods_and_nodes = async {
        let (pods, kinds) = pod_views::changed(client, namespace, made, known).await;
        let names_a_node = pods.iter().flatten().any(|pod| known.names_a_node(pod));
        let nodes = async { if names_a_node { Some(nodes_again(client, pool_label).await) } else { None } };
        let (nodes, made_by) = tokio::join!(nodes, new_workloads::read(client, namespace, &kinds));
        (pods, nodes, made_by)
    };
    let (labels, (policies, of_control), (pods, nodes, made_by), services, control_labels) = tokio::join!(
        labels_of(client, namespace),
        policies::read(client, kinds, namespace, control),
        pods_and_nodes,
        selecting::services(client, namespace),
        async { Some(labels_of(client, control?).await) },
    );
    let control = control_labels.zip(of_control);
    let bonds = Bonds { labels, policies: standing(&policies) };
    SecondReading { pods, made_by, services, nodes, bonds, policies, control }
}

/// Returns the version of each policy; a failed read of a kind is the reason why there is none.
fn standing(policies: &Policies) -> Read<BTreeMap<String, String>> {
    let unread = policies.unread().next().cloned();
    unread.map_or_else(|| Ok(policies::versions(policies)), Err)
}

/// Returns a namespace's labels; a missing namespace is unreadable.
async fn labels_of(client: &Client, name: &str) -> Read<Labels> {
    namespace(client, name).await.unwrap_or_else(|error| {
        let message = error.to_string();
        Err(Unreadable { what: Access::get("namespaces"), forbidden: false, message })
    })
}

/// Returns a namespace's labels, as far as they may be read.
async fn namespace(client: &Client, name: &str) -> Result<Read<Labels>, Error> {
    let api = Api::<Namespace>::all(client.clone());
    match api.get(name).await {
        Ok(namespace) => Ok(Ok(namespace.metadata.labels.unwrap_or_default())),
        Err(kube::Error::Api(status)) if status.code == 404 => {
            let names = api.list_metadata(&ListParams::default()).await;
            let names = names.map(|list| list.items).unwrap_or_default();
            let names = names.into_iter().filter_map(|namespace| namespace.metadata.name);
            let alike = names
                .map(|other| (strsim::damerau_levenshtein(name, &other), other))
                .filter(|&(distance, _)| distance <= 2)
                .min();
            Err(Error::NoSuchNamespace { name: name.to_owned(), alike: alike.map(|(_, other)| other) })
        }
        Err(error @ kube::Error::Api(_)) if matches!(&error, kube::Error::Api(status) if status.code == 403) => {
            Ok(Err(unreadable(Access::get("namespaces"))(error)))
        }
        Err(error) => Err(Error::Reach(Box::new(error))),
    }
}

async fn version(client: &Client) -> Read<String> {
    client
        .apiserver_version()
        .await
        .map(|info| info.git_version)
        .map_err(unreadable(Access::Path("/version".to_owned())))
}

/// Names a failed read, and tells whether a permission is missing.
fn unreadable(what: Access) -> impl FnOnce(kube::Error) -> Unreadable {
    move |error| {
        let (forbidden, message) = match error {
            kube::Error::Api(status) => (status.code == 403, status.message.clone()),
            other => (false, other.to_string()),
        };
        Unreadable { what, forbidden, message }
    }
}

/// Lists all objects of a kind and converts each.
async fn list<K, T>(api: Api<K>, what: Access, convert: impl FnMut(K) -> T) -> Read<Vec<T>>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    pages::list(&api, &ListParams::default(), convert).await.map_err(unreadable(what))
}

/// Lists the objects of a kind that discovery found. If the API server answers 404, somebody has removed the kind since, and its
/// objects with it.
async fn list_if_served<K, T>(api: Api<K>, what: Access, convert: impl FnMut(K) -> T) -> Read<Vec<T>>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    match pages::list(&api, &ListParams::default(), convert).await {
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        listed => listed.map_err(unreadable(what)),
    }
}

/// True if a kind was removed after discovery had found it.
fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}
