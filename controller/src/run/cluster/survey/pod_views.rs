//! Pods, and the pod templates of every kind of workload.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use kube::{Api, Client, ResourceExt};

use super::{
    admitted,
    discovery::ApiGroup,
    endpoint, list, neighbours, running, template,
    workloads::{self, Identity, Makers, Workload, maker, makers},
};
use crate::case::{
    cluster::{Access, Labels, Origin, PodView, Read, Running, Unreadable},
    policy::Endpoint,
};

/// Facts of the namespace's pods that their declarations do not have.
pub(super) struct PodFacts {
    /// Addresses where pods listen.
    pub(super) neighbours: Vec<SocketAddr>,
    /// The pods, as far as a Service leads to them.
    pub(super) endpoints: Vec<Endpoint>,
    /// The pods by their names, as far as they may be examined in place.
    pub(super) running: BTreeMap<String, Running>,
}

/// Reads the pod templates and pods, further facts of the pods, and the reads that failed.
pub(super) async fn read(
    client: &Client,
    namespace: &str,
    groups: &Read<Vec<ApiGroup>>,
) -> (Vec<PodView>, PodFacts, Vec<Unreadable>) {
    let (found, pods, unread) = Box::pin(workloads_and_pods(client, namespace, groups)).await;
    let facts = PodFacts {
        neighbours: neighbours::of(&pods),
        endpoints: pods.iter().filter(|pod| lives(pod)).cloned().map(endpoint::of_pod).collect(),
        running: pods.iter().map(|pod| (pod.name_any(), running::of(pod))).collect(),
    };
    let makers = makers(&found);
    let mut made = BTreeMap::<_, Vec<_>>::new();
    for pod in pods.iter().filter(|pod| lives(pod)) {
        let Origin { kind, name, .. } = origin_of_pod(pod, &makers);
        made.entry((kind, name)).or_default().push(pod);
    }
    let templates: Vec<_> =
        workloads::judged(found).into_iter().map(|workload| of_template(workload, &made)).collect();
    let pods = pods.into_iter().filter(lives).map(|pod| of_pod(pod, &makers));
    (templates.into_iter().chain(pods).collect(), facts, unread)
}

/// Reads the pod templates and pods as far as policies select them, and the reads that failed.
pub(super) async fn endpoints(
    client: &Client,
    namespace: &str,
    groups: &Read<Vec<ApiGroup>>,
    labels: Option<&Labels>,
) -> (Vec<(Origin, Endpoint)>, Vec<Unreadable>) {
    let (found, pods, unread) = Box::pin(workloads_and_pods(client, namespace, groups)).await;
    let makers = makers(&found);
    let own = |endpoint| Endpoint {
        namespace: namespace.to_owned(),
        namespace_labels: labels.cloned(),
        ..endpoint
    };
    let templates = workloads::judged(found).into_iter().map(|workload| {
        let origin = workload.origin();
        let template = workload.template.unwrap_or_default();
        (origin, endpoint::of_template(template))
    });
    let pods =
        pods.into_iter().filter(lives).map(|pod| (origin_of_pod(&pod, &makers), endpoint::of_pod(pod)));
    (templates.chain(pods).map(|(origin, it)| (origin, own(it))).collect(), unread)
}

async fn workloads_and_pods(
    client: &Client,
    namespace: &str,
    groups: &Read<Vec<ApiGroup>>,
) -> (Vec<Workload>, Vec<Pod>, Vec<Unreadable>) {
    let ((found, mut unread), pods) = tokio::join!(
        workloads::read(client, namespace, groups),
        list(Api::<Pod>::namespaced(client.clone(), namespace), Access::pods(), |pod| pod),
    );
    let pods = pods.unwrap_or_else(|unreadable| {
        unread.push(unreadable);
        Vec::new()
    });
    (found, pods, unread)
}

/// Reads the current pods, except those named in `but`.
pub(super) async fn pods(client: &Client, namespace: &str, but: &BTreeSet<String>) -> Read<Vec<PodView>> {
    let pods = list(Api::<Pod>::namespaced(client.clone(), namespace), Access::pods(), |pod| pod).await?;
    let others =
        pods.into_iter().filter(|pod| !pod.metadata.name.as_ref().is_some_and(|name| but.contains(name)));
    Ok(others.filter(lives).map(|pod| of_pod(pod, &Makers::new())).collect())
}

/// Reads a template with all that admission gave its pods among `made`.
fn of_template(workload: Workload, made: &BTreeMap<Identity, Vec<&Pod>>) -> PodView {
    let origin = workload.origin();
    let pods = made.get(&(origin.kind.clone(), origin.name.clone()));
    let admitted =
        admitted::completed(workload.template.unwrap_or_default(), pods.map_or(&[], |pods| pods.as_slice()));
    let PodTemplateSpec { metadata, spec } = admitted.template;
    PodView {
        by_admission: admitted.keys,
        fields_by_admission: admitted.fields,
        ..template::pod_view(origin, metadata.unwrap_or_default(), &spec.unwrap_or_default())
    }
}

/// Returns true if the pod runs or will run. Another run's probes count, too: a pod cannot hide behind our labels.
fn lives(pod: &Pod) -> bool {
    let ended = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    !matches!(ended, Some("Succeeded" | "Failed"))
}

pub(super) fn of_pod(pod: Pod, makers: &Makers) -> PodView {
    let origin = origin_of_pod(&pod, makers);
    template::pod_view(origin, pod.metadata, &pod.spec.unwrap_or_default())
}

fn origin_of_pod(pod: &Pod, makers: &Makers) -> Origin {
    let name = pod.metadata.name.clone().unwrap_or_default();
    let made_by = maker(&pod.metadata);
    let made_by = made_by.map(|maker| makers.get(&maker).cloned().unwrap_or(maker));
    let (kind, owner) = made_by.unwrap_or_else(|| ("pod".to_owned(), name.clone()));
    Origin { kind, name: owner, pod: Some(name) }
}
