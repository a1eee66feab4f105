//! Pods, and the pod templates of every kind of workload.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

use k8s_openapi::api::core::v1::{Pod, PodStatus, PodTemplateSpec};
use kube::{Api, Client, ResourceExt};

use super::{
    admitted::{self, Origins},
    discovery::ApiGroup,
    endpoint, images, list, neighbours, new_workloads, running, template,
    workloads::{self, Identity, Makers, Workload, controller, maker, makers},
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
    let makers = makers(&workloads);
    let mut facts = PodFacts { neighbours: Vec::new(), endpoints: Vec::new(), running: BTreeMap::new() };
    let mut listening = BTreeSet::new();
    let mut made = BTreeMap::<_, BTreeSet<_>>::new();
    let mut pod_views = Vec::with_capacity(pods.len());
    for Found { name, running, listens, living } in pods {
        facts.running.insert(name, running);
        listening.extend(listens);
        let Some(Living { mut pod_view, made_by, endpoint, origins }) = living else { continue };
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
    let (made_by, mut endpoint) = (maker(&pod.metadata), endpoint::of_pod(&pod));
    let mut pod_view = of_pod(pod, &Makers::new());
    endpoint.labels = shared(&mut alike.labels, endpoint.labels);
    pod_view.labels = shared(&mut alike.labels, pod_view.labels);
    pod_view.containers = shared(&mut alike.containers, pod_view.containers);
    pod_view.placement = shared(&mut alike.placements, pod_view.placement);
    for image in pod_view.images.iter_mut().flatten() {
        *image = shared(&mut alike.images, image.clone());
    }
    Living { pod_view: pod_view.into(), made_by, endpoint, origins }
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
        lives(&pod).then(|| (name, maker(&pod.metadata), endpoint::of_pod(&pod)))
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
    let origin = origin(name, maker(&pod.metadata), makers);
    let spec = pod.spec.unwrap_or_default();
    let images = Some(images::of(&spec, pod.status.as_ref()));
    let mut pod_view = PodView { images, ..template::pod_view(origin, pod.metadata, &spec) };
    let ended = ended(pod.status.as_ref());
    if !ended.is_empty() {
        for container in pod_view.containers.iter_mut().filter(|it| it.kind == ContainerKind::Ephemeral) {
            container.has_ended = ended.contains(&container.name.as_str());
        }
    }
    pod_view
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
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        case::cluster::Affinity,
        fixture,
        run::cluster::answering::{client, list as items},
    };

    fn daemon_set() -> Value {
        let term = json!({ "matchExpressions": [{ "key": "pool", "operator": "Exists" }] });
        let affinity = json!({ "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [term] },
        } });
        let spec = json!({ "containers": [], "affinity": affinity });
        let spec = json!({ "selector": {}, "template": { "spec": spec } });
        json!({ "metadata": { "name": "agent" }, "spec": spec })
    }

    /// Returns a pod as the DaemonSet controller makes it for a node.
    fn of_daemon_set(name: &str, node: &str) -> Value {
        let field = json!({ "key": "metadata.name", "operator": "In", "values": [node] });
        let term = json!({ "matchFields": [field] });
        let affinity = json!({ "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [term] },
        } });
        let owner = json!({ "apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "a", "controller": true });
        json!({
            "metadata": { "name": name, "ownerReferences": [owner] },
            "spec": { "containers": [], "nodeName": node, "affinity": affinity },
        })
    }

    /// Returns a client of a namespace with a DaemonSet and a pod of it on each of two nodes.
    fn with_a_daemon_set() -> Client {
        let answer = |request: &str| match request.split(['?', ' ']).nth(1).unwrap_or_default() {
            path if path.ends_with("/daemonsets") => items(&[daemon_set()], None),
            path if path.ends_with("/pods") => {
                items(&[of_daemon_set("agent-1", "one"), of_daemon_set("agent-2", "two")], None)
            }
            _ => items(&[], None),
        };
        client(answer).0
    }

    #[tokio::test]
    async fn a_daemon_sets_pod_has_the_affinity_of_its_template() {
        let (pod_views, _, _) = read(&with_a_daemon_set(), "shop", &Ok(Vec::new())).await;
        let [template, one, two] = pod_views.as_slice() else { panic!("{pod_views:?}") };
        let keys =
            |terms: &[Affinity]| terms.iter().map(|term| term.labels[0].key.clone()).collect::<Vec<_>>();
        assert_eq!(keys(&one.placement.affinity), ["pool"]);
        assert_eq!(one.placement, template.placement);
        assert_eq!(one.placement.address(), two.placement.address());
    }

    #[tokio::test]
    async fn a_daemon_sets_pod_is_the_same_in_the_second_reading() {
        let client = with_a_daemon_set();
        let mut cluster = (*fixture::in_cluster(&mut fixture::pod()).cluster).clone();
        cluster.pod_views = read(&client, "shop", &Ok(Vec::new())).await.0;
        let (pods, kinds) = changed(&client, "shop", &BTreeSet::new(), &Known::of(&cluster)).await;
        assert_eq!((pods.unwrap(), kinds), (Vec::new(), BTreeSet::new()));
    }

    #[test]
    fn pods_of_one_template_keep_their_like_parts_once() {
        let mut alike = Alike::default();
        let mut read = |name: &str, image: &str| {
            let container =
                json!({ "name": "web", "image": image, "securityContext": { "privileged": name == "odd" } });
            let pod = json!({
                "metadata": { "name": name, "labels": { "app": "web" } },
                "spec": { "containers": [container], "nodeSelector": { "pool": "one" } },
            });
            living(serde_json::from_value(pod).unwrap(), &mut alike)
        };
        let [one, two, odd] = ["one", "two", "odd"].map(|name| read(name, "web:1"));
        let parts = |Living { pod_view, endpoint, .. }: &Living| {
            let labels = [pod_view.labels.address(), endpoint.labels.address()];
            (labels, pod_view.containers.address())
        };
        assert_eq!(parts(&one), parts(&two));
        assert_eq!(one.pod_view.labels.address(), one.endpoint.labels.address());
        assert_eq!(odd.pod_view.labels.address(), one.pod_view.labels.address());
        assert_ne!(odd.pod_view.containers.address(), one.pod_view.containers.address());
        assert!(odd.pod_view.containers[0].privileged && !one.pod_view.containers[0].privileged);
    }

    #[test]
    fn an_ephemeral_container_has_ended_where_the_status_says_so() {
        let status = |name: &str, state: Value| json!({ "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state });
        let ended = status("ended", json!({ "terminated": { "exitCode": 0 } }));
        let running = status("running", json!({ "running": {} }));
        let containers = ["ended", "running", "new"].map(|name| json!({ "name": name }));
        let pod = json!({
            "metadata": { "name": "web-1" },
            "spec": { "containers": [{ "name": "web" }], "ephemeralContainers": containers },
            "status": { "ephemeralContainerStatuses": [running, ended] },
        });
        let view = of_pod(serde_json::from_value(pod).unwrap(), &Makers::new());
        let ended = view.containers.iter().filter(|it| it.has_ended).map(|it| it.name.as_str());
        assert_eq!(ended.collect::<Vec<_>>(), ["ended"]);
    }
}
