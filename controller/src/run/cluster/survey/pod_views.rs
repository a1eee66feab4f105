//! Pods, and the pod templates of every kind of workload.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

use k8s_openapi::api::core::v1::{Pod, PodSpec, PodStatus, PodTemplateSpec, ResourceRequirements};
use kube::{Api, Client, ResourceExt};

use super::{
    admitted::{self, Origins},
    discovery::ApiGroup,
    endpoint, images, list, neighbours, new_workloads, running, template,
    workloads::{self, Identity, Keepers, Makers, Workload, controller, maker_of_pod, makers},
};
use crate::{
    case::{
        cluster::{
            Access, Container, ContainerKind, DaemonSets, Image, Labels, Origin, Placement, PodView, Read,
            Running, Shared, Unreadable,
        },
        policy::Endpoint,
    },
    plan::cluster::Known,
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

/// A pod, as far as the survey needs it. The API server's object is many times as large.
struct Found {
    name: String,
    running: Running,
    listens: Vec<SocketAddr>,
    /// The pod's declarations, if it has not ended.
    living: Option<Living>,
}

struct Living {
    /// In memory of its own from the beginning: lists of pods are copied while they grow.
    pod_view: Shared<PodView>,
    made_by: Option<Identity>,
    /// The uid of the workload that made it, as the pod names it; empty without one.
    makers_uid: String,
    /// True if somebody has deleted the pod.
    ends: bool,
    endpoint: Endpoint,
    /// The origins of the pod's labels and annotations; `None` if they are not known.
    origins: Option<Arc<Origins>>,
}

/// Parts of pods that are kept once: those of the pods of one template are the same, as a rule.
#[derive(Default)]
struct Alike {
    origins: BTreeSet<Arc<Origins>>,
    labels: BTreeSet<Shared<Labels>>,
    containers: BTreeSet<Shared<Vec<Container>>>,
    placements: BTreeSet<Shared<Placement>>,
    images: BTreeSet<Shared<Image>>,
}

/// Reads the pod templates and pods, further facts of the pods, and the reads that failed.
pub(super) async fn read(
    client: &Client,
    namespace: &str,
    groups: &Read<Vec<ApiGroup>>,
) -> (Vec<Shared<PodView>>, PodFacts, Vec<Unreadable>) {
    let mut alike = Alike::default();
    let (workloads, pods, unread) =
        Box::pin(workloads_and_pods(client, namespace, groups, |pod| found(pod, &mut alike))).await;
    let (makers, keepers) = (makers(&workloads), Keepers::of(&workloads));
    let mut facts = PodFacts { neighbours: Vec::new(), endpoints: Vec::new(), running: BTreeMap::new() };
    let mut listening = BTreeSet::new();
    let mut made = BTreeMap::<_, BTreeSet<_>>::new();
    let mut pod_views = Vec::with_capacity(pods.len());
    for Found { name, running, listens, living } in pods {
        facts.running.insert(name, running);
        listening.extend(listens);
        let Some(Living { mut pod_view, mut made_by, makers_uid, ends, endpoint, mut origins }) = living
        else {
            continue;
        };
        if made_by.as_ref().is_some_and(|maker| !keepers.keep(maker, &makers_uid)) {
            // Whoever made the pod decided what it has, and a template of another maker gets nothing of it.
            origins = None;
        }
        if made_by.as_ref().is_some_and(|maker| keepers.disown(maker, &makers_uid, ends)) {
            pod_view.origin = origin(pod_view.origin.pod.clone().unwrap_or_default(), None, &makers);
            made_by = None;
        }
        if let Some(maker) = made_by.as_ref().and_then(|maker| makers.get(maker)) {
            (pod_view.origin.kind, pod_view.origin.name) = maker.clone();
        }
        let workload = (pod_view.origin.kind.clone(), pod_view.origin.name.clone());
        made.entry(workload).or_default().extend(origins);
        facts.endpoints.push(endpoint);
        pod_views.push((pod_view, made_by));
    }
    facts.neighbours = neighbours::few(listening);
    let templates = workloads::judged(workloads).into_iter();
    let templates: Vec<Shared<PodView>> =
        templates.map(|workload| of_template(workload, &made).into()).collect();
    let daemon_sets = DaemonSets::of(&templates);
    let pods = pod_views.into_iter().map(|(mut pod_view, made_by)| {
        let made_by = made_by.as_ref().map(|(kind, name)| (kind.as_str(), name.as_str()));
        if let Some(affinity) = made_by.and_then(|it| daemon_sets.affinity(it, &pod_view.placement)) {
            let placement = Placement { affinity, ..(*pod_view.placement).clone() };
            pod_view.placement = shared(&mut alike.placements, placement.into());
        }
        pod_view
    });
    let pods: Vec<_> = pods.collect();
    (templates.into_iter().chain(pods).collect(), facts, unread)
}

fn found(pod: Pod, alike: &mut Alike) -> Found {
    Found {
        name: pod.name_any(),
        running: running::of(&pod),
        listens: neighbours::listening(&pod),
        living: lives(&pod).then(|| living(pod, alike)),
    }
}

fn living(pod: Pod, alike: &mut Alike) -> Living {
    let origins = Origins::of(&pod).map(|origins| shared(&mut alike.origins, Arc::new(origins)));
    let (made_by, mut endpoint) = (maker_of_pod(&pod.metadata), endpoint::of_pod(&pod));
    let makers_uid = controller(&pod.metadata).map(|owner| owner.uid.clone()).unwrap_or_default();
    let ends = pod.metadata.deletion_timestamp.is_some();
    let mut pod_view = of_pod(pod, &Makers::new());
    endpoint.labels = shared(&mut alike.labels, endpoint.labels);
    pod_view.labels = shared(&mut alike.labels, pod_view.labels);
    pod_view.containers = shared(&mut alike.containers, pod_view.containers);
    pod_view.placement = shared(&mut alike.placements, pod_view.placement);
    for image in pod_view.images.iter_mut().flatten() {
        *image = shared(&mut alike.images, image.clone());
    }
    Living { pod_view: pod_view.into(), made_by, makers_uid, ends, endpoint, origins }
}

/// Returns the earlier value that is equal, or keeps this one.
fn shared<T: Clone + Ord>(known: &mut BTreeSet<T>, value: T) -> T {
    if let Some(known) = known.get(&value) {
        return known.clone();
    }
    known.insert(value.clone());
    value
}

/// Reads the pod templates and pods as far as policies select them, and the reads that failed.
pub(super) async fn endpoints(
    client: &Client,
    namespace: &str,
    groups: &Read<Vec<ApiGroup>>,
    labels: Option<&Labels>,
) -> (Vec<(Origin, Endpoint)>, Vec<Unreadable>) {
    let read = |pod: Pod| {
        let name = pod.metadata.name.clone().unwrap_or_default();
        lives(&pod).then(|| (name, maker_of_pod(&pod.metadata), endpoint::of_pod(&pod)))
    };
    let (found, pods, unread) = Box::pin(workloads_and_pods(client, namespace, groups, read)).await;
    let makers = makers(&found);
    let own = |endpoint| Endpoint {
        namespace: namespace.to_owned(),
        namespace_labels: labels.cloned(),
        ..endpoint
    };
    let templates = workloads::judged(found).into_iter().map(|workload| {
        let origin = workload.origin();
        let template = workload.template.unwrap_or_default();
        (origin, endpoint::of_template(&template))
    });
    let pods = pods
        .into_iter()
        .flatten()
        .map(|(name, made_by, endpoint)| (origin(name, made_by, &makers), endpoint));
    (templates.chain(pods).map(|(origin, it)| (origin, own(it))).collect(), unread)
}

async fn workloads_and_pods<T>(
    client: &Client,
    namespace: &str,
    groups: &Read<Vec<ApiGroup>>,
    read: impl FnMut(Pod) -> T,
) -> (Vec<Workload>, Vec<T>, Vec<Unreadable>) {
    let ((found, mut unread), pods) = tokio::join!(
        workloads::read(client, namespace, groups),
        list(Api::<Pod>::namespaced(client.clone(), namespace), Access::pods(), read),
    );
    let pods = pods.unwrap_or_else(|unreadable| {
        unread.push(unreadable);
        Vec::new()
    });
    (found, pods, unread)
}

/// Reads the current pods that are new or differ from those of the first reading, except those named in `but`. Also returns the kinds
/// of the workloads that made new pods and that the first reading lacks.
pub(super) async fn changed(
    client: &Client,
    namespace: &str,
    but: &BTreeSet<String>,
    known: &Known<'_>,
) -> (Read<Vec<Shared<PodView>>>, BTreeSet<new_workloads::Kind>) {
    let mut kinds = BTreeSet::new();
    let read = |pod: Pod| {
        if !lives(&pod) || pod.metadata.name.as_ref().is_some_and(|name| but.contains(name)) {
            return None;
        }
        let maker = controller(&pod.metadata).map(|owner| (owner.api_version.clone(), owner.kind.clone()));
        let pod = known.changed(of_pod(pod, &Makers::new()).into())?;
        kinds.extend(maker.filter(|_| known.lacks_maker_of(&pod)));
        Some(pod)
    };
    let pods = list(Api::<Pod>::namespaced(client.clone(), namespace), Access::pods(), read).await;
    (pods.map(|pods| pods.into_iter().flatten().collect()), kinds)
}

/// Reads a template with all that admission gave its pods among `made`.
fn of_template(workload: Workload, made: &BTreeMap<Identity, BTreeSet<Arc<Origins>>>) -> PodView {
    let origin = workload.origin();
    let pods = made.get(&(origin.kind.clone(), origin.name.clone()));
    let pods: Vec<_> = pods.into_iter().flatten().map(AsRef::as_ref).collect();
    let admitted = admitted::completed(workload.template.unwrap_or_default(), &pods);
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
    let name = pod.metadata.name.clone().unwrap_or_default();
    let origin = origin(name, maker_of_pod(&pod.metadata), makers);
    let spec = in_force(pod.spec.unwrap_or_default(), pod.status.as_ref());
    let images = Some(images::of(&spec, pod.status.as_ref()));
    let mut pod_view = PodView { images, ..template::pod_view(origin, pod.metadata, &spec) };
    let ended = ended(pod.status.as_ref());
    if !ended.is_empty() {
        for container in pod_view.containers.iter_mut().filter(|it| it.kind == ContainerKind::Ephemeral) {
            container.has_ended = ended.contains(&container.name.as_str());
        }
        pod_view.root_allowed = template::root_allowed(&spec, &ended);
    }
    pod_view
}

/// Returns the specification with the limits that the kubelet has put in force: those of a resize that it has not made, or cannot make,
/// are none yet (kubernetes.io, "Resize CPU and Memory Resources assigned to Containers"). A kubelet before Kubernetes 1.33 tells no limits.
fn in_force(mut spec: PodSpec, status: Option<&PodStatus>) -> PodSpec {
    let Some(status) = status else { return spec };
    let containers = spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten());
    let statuses =
        || [&status.container_statuses, &status.init_container_statuses].into_iter().flatten().flatten();
    for container in containers {
        let its = statuses().find(|status| status.name == container.name);
        keep_told(container.resources.as_mut(), its.and_then(|status| status.resources.as_ref()));
    }
    keep_told(spec.resources.as_mut(), status.resources.as_ref());
    spec
}

/// Gives each limit the value that the kubelet tells, and keeps no other one; all are kept if the kubelet tells nothing.
fn keep_told(asked: Option<&mut ResourceRequirements>, told: Option<&ResourceRequirements>) {
    let (Some(asked), Some(told)) = (asked.and_then(|asked| asked.limits.as_mut()), told) else { return };
    asked.retain(|name, limit| match told.limits.as_ref().and_then(|limits| limits.get(name)) {
        Some(told) => {
            limit.clone_from(told);
            true
        }
        None => !["cpu", "memory"].contains(&name.as_str()),
    });
}

/// Returns the names of the ephemeral containers that have ended. None of them starts again.
fn ended(status: Option<&PodStatus>) -> Vec<&str> {
    let statuses = status.into_iter().flat_map(|it| it.ephemeral_container_statuses.iter().flatten());
    let ended = statuses.filter(|it| it.state.as_ref().is_some_and(|state| state.terminated.is_some()));
    ended.map(|it| it.name.as_str()).collect()
}

fn origin(pod: String, made_by: Option<Identity>, makers: &Makers) -> Origin {
    let made_by = made_by.map(|maker| makers.get(&maker).cloned().unwrap_or(maker));
    let (kind, name) = made_by.unwrap_or_else(|| ("pod".to_owned(), pod.clone()));
    Origin { kind, name, pod: Some(pod) }
}

#[cfg(test)]
mod tests;
