//! Pods, and the pod templates of every kind of workload.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use k8s_openapi::{
    Metadata, NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::{EphemeralVolumeSource, Pod, PodTemplateSpec, ReplicationController, Volume as ApiVolume},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, Resource};

use super::{endpoint, list, neighbours, template};
use crate::case::{
    cluster::{Access, Labels, Origin, PodView, Read, Unreadable},
    policy::Endpoint,
};

/// Each ReplicaSet or Job with the workload that made it.
type Makers = BTreeMap<(String, String), (String, String)>;

struct Workload {
    kind: &'static str,
    metadata: ObjectMeta,
    template: Option<PodTemplateSpec>,
}

impl Workload {
    fn identity(&self) -> Option<(String, String)> {
        Some((self.kind.to_owned(), self.metadata.name.clone()?))
    }
}

/// The addresses of the namespace's pods.
pub(super) struct PodAddresses {
    /// Addresses where pods listen.
    pub(super) neighbours: Vec<SocketAddr>,
    /// The pods, as far as a Service leads to them.
    pub(super) endpoints: Vec<Endpoint>,
}

/// Reads the pod templates and pods, the addresses of the pods, and the reads that failed.
pub(super) async fn read(client: &Client, namespace: &str) -> (Vec<PodView>, PodAddresses, Vec<Unreadable>) {
    let (found, pods, unread) = Box::pin(workloads_and_pods(client, namespace)).await;
    let addresses = PodAddresses {
        neighbours: neighbours::of(&pods),
        endpoints: pods.iter().filter(|pod| lives(pod)).cloned().map(endpoint::of_pod).collect(),
    };
    let makers = makers(&found);
    let templates = templates(found).map(pod_view);
    let pods = pods.into_iter().filter(lives).map(|pod| of_pod(pod, &makers));
    (templates.chain(pods).collect(), addresses, unread)
}

/// Reads the pod templates and pods as far as policies select them, and the reads that failed.
pub(super) async fn endpoints(
    client: &Client,
    namespace: &str,
    labels: Option<&Labels>,
) -> (Vec<(Origin, Endpoint)>, Vec<Unreadable>) {
    let (found, pods, unread) = Box::pin(workloads_and_pods(client, namespace)).await;
    let makers = makers(&found);
    let own = |endpoint| Endpoint {
        namespace: namespace.to_owned(),
        namespace_labels: labels.cloned(),
        ..endpoint
    };
    let templates = templates(found).map(|workload| {
        let origin = origin_of(&workload);
        let template = workload.template.unwrap_or_default();
        (origin, endpoint::of_template(template))
    });
    let pods =
        pods.into_iter().filter(lives).map(|pod| (origin_of_pod(&pod, &makers), endpoint::of_pod(pod)));
    (templates.chain(pods).map(|(origin, it)| (origin, own(it))).collect(), unread)
}

async fn workloads_and_pods(client: &Client, namespace: &str) -> (Vec<Workload>, Vec<Pod>, Vec<Unreadable>) {
    let (deployments, sets, stateful, daemons, controllers, jobs, crons, pods) = tokio::join!(
        workloads::<Deployment>(client, namespace, "deployment", |set| set.spec.map(|spec| spec.template)),
        workloads::<ReplicaSet>(client, namespace, "replicaset", |set| set
            .spec
            .and_then(|spec| spec.template)),
        workloads::<StatefulSet>(client, namespace, "statefulset", of_stateful_set),
        workloads::<DaemonSet>(client, namespace, "daemonset", |set| set.spec.map(|spec| spec.template)),
        workloads::<ReplicationController>(client, namespace, "replicationcontroller", |controller| {
            controller.spec.and_then(|spec| spec.template)
        }),
        workloads::<Job>(client, namespace, "job", |job| job.spec.map(|spec| spec.template)),
        workloads::<CronJob>(client, namespace, "cronjob", |job| {
            job.spec.and_then(|spec| spec.job_template.spec).map(|spec| spec.template)
        }),
        list(Api::<Pod>::namespaced(client.clone(), namespace), Access::pods(), |pod| pod),
    );
    let mut unread = Vec::new();
    let mut found = Vec::new();
    for read in [deployments, sets, stateful, daemons, controllers, jobs, crons] {
        match read {
            Ok(workloads) => found.extend(workloads),
            Err(unreadable) => unread.push(unreadable),
        }
    }
    let pods = pods.unwrap_or_else(|unreadable| {
        unread.push(unreadable);
        Vec::new()
    });
    (found, pods, unread)
}

/// Returns the workloads that no other known workload made. A workload that an unknown kind made, such as an operator's,
/// is represented by nothing else, so its template counts.
fn templates(found: Vec<Workload>) -> impl Iterator<Item = Workload> {
    let known: BTreeSet<_> = found.iter().filter_map(Workload::identity).collect();
    found
        .into_iter()
        .filter(move |workload| maker(&workload.metadata).is_none_or(|maker| !known.contains(&maker)))
}

/// Reads the current pods, except those named in `but`.
pub(super) async fn pods(client: &Client, namespace: &str, but: &BTreeSet<String>) -> Read<Vec<PodView>> {
    let pods = list(Api::<Pod>::namespaced(client.clone(), namespace), Access::pods(), |pod| pod).await?;
    let others =
        pods.into_iter().filter(|pod| !pod.metadata.name.as_ref().is_some_and(|name| but.contains(name)));
    Ok(others.filter(lives).map(|pod| of_pod(pod, &Makers::new())).collect())
}

/// Adds the claims of a StatefulSet to its template's volumes: they are made for each pod and listed beside the
/// template.
fn of_stateful_set(set: StatefulSet) -> Option<PodTemplateSpec> {
    let spec = set.spec?;
    let mut template = spec.template;
    let claims = spec.volume_claim_templates.into_iter().flatten();
    let volumes = claims.map(|claim| ApiVolume {
        name: claim.metadata.name.unwrap_or_default(),
        ephemeral: Some(EphemeralVolumeSource::default()),
        ..ApiVolume::default()
    });
    template.spec.get_or_insert_default().volumes.get_or_insert_default().extend(volumes);
    Some(template)
}

async fn workloads<K>(
    client: &Client,
    namespace: &str,
    kind: &'static str,
    template: impl Fn(K) -> Option<PodTemplateSpec>,
) -> Read<Vec<Workload>>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Metadata<Ty = ObjectMeta>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    list(Api::<K>::namespaced(client.clone(), namespace), Access::list(format!("{kind}s")), |object| {
        let metadata = object.metadata().clone();
        Workload { kind, metadata, template: template(object) }
    })
    .await
}

fn pod_view(workload: Workload) -> PodView {
    let origin = origin_of(&workload);
    let template = workload.template.unwrap_or_default();
    template::pod_view(origin, template.metadata.unwrap_or_default(), &template.spec.unwrap_or_default())
}

fn origin_of(workload: &Workload) -> Origin {
    let name = workload.metadata.name.clone().unwrap_or_default();
    Origin { kind: workload.kind.to_owned(), name, pod: None }
}

fn makers(workloads: &[Workload]) -> Makers {
    let made =
        workloads.iter().filter_map(|workload| Some((workload.identity()?, maker(&workload.metadata)?)));
    made.collect()
}

/// Returns the workload that made an object, as kind and name.
fn maker(metadata: &ObjectMeta) -> Option<(String, String)> {
    let owners = metadata.owner_references.as_ref()?;
    let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
    Some((owner.kind.to_lowercase(), owner.name.clone()))
}

/// Returns true if the pod runs or will run. Another run's probes count, too: a pod cannot hide behind our labels.
fn lives(pod: &Pod) -> bool {
    let ended = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    !matches!(ended, Some("Succeeded" | "Failed"))
}

fn of_pod(pod: Pod, makers: &Makers) -> PodView {
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
