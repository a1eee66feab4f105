//! The workloads of a namespace with their pod templates, and those among them whose template tells something new.

mod made;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    Metadata, NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
        batch::v1::{CronJob, Job, JobCondition},
        core::v1::{
            EphemeralVolumeSource, PersistentVolumeClaimTemplate, PodTemplate, PodTemplateSpec,
            ReplicationController, Volume as ApiVolume,
        },
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{Api, Client, Resource};

use made::{is_alike, is_made_of, is_revision_of, with_class_of};

use super::{custom, discovery::ApiGroup, list, storage::class};
use crate::{
    case::cluster::{Access, Origin, Read, Unreadable},
    plan::renewal::is_made_of_kind,
};

/// Kinds of Kubernetes that make pods themselves.
const KEEPERS: [&str; 5] = ["daemonset", "job", "replicaset", "replicationcontroller", "statefulset"];

/// Kinds of Kubernetes that make workloads, and no pods.
const OF_WORKLOADS: [(&str, &str); 2] = [("apps/", "Deployment"), ("batch/", "CronJob")];

/// Kind and name of a workload.
pub(super) type Identity = (String, String);

/// Each workload that another one made, with its maker.
pub(super) type Makers = BTreeMap<Identity, Identity>;

/// A workload, with one of its pod templates.
#[derive(Clone, Debug, Default)]
pub(super) struct Workload {
    kind: String,
    metadata: ObjectMeta,
    pub(super) template: Option<PodTemplateSpec>,
    /// True for an object of a custom kind.
    custom: bool,
    life: Life,
}

/// The life of a workload: if it has pods, and if it makes more.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Life {
    /// It makes pods, and has none yet.
    #[default]
    Begins,
    /// It has pods, which are judged by themselves.
    Runs,
    /// It has ended.
    Ended,
    /// It has no replicas. One that was made is kept for a way back to an earlier revision.
    AtZero,
}

impl Workload {
    /// Returns an object of a custom kind with one of its pod templates.
    pub(super) fn custom(kind: &str, metadata: ObjectMeta, template: PodTemplateSpec) -> Self {
        Self { kind: kind.to_owned(), metadata, template: Some(template), custom: true, life: Life::Begins }
    }

    pub(super) fn origin(&self) -> Origin {
        let name = self.metadata.name.clone().unwrap_or_default();
        Origin { kind: self.kind.clone(), name, pod: None }
    }

    fn identity(&self) -> Option<Identity> {
        Some((self.kind.clone(), self.metadata.name.clone()?))
    }

    /// Gives the workload the identity of its maker, if it has one.
    fn named(mut self, maker: Option<Identity>) -> Self {
        if let Some((kind, name)) = maker {
            (self.kind, self.metadata.name) = (kind, Some(name));
        }
        self
    }

    /// Returns true if Kubernetes made this workload of its maker, or a custom controller this `ReplicaSet`.
    fn is_of(&self, maker: &Self) -> bool {
        let uid = controller(&self.metadata).map(|owner| owner.uid.as_str());
        let is_pair =
            if maker.custom { self.is_replicated() } else { is_made_of_kind(&self.kind, &maker.kind) };
        is_pair && uid == Some(maker.metadata.uid.as_deref().unwrap_or_default())
    }

    /// Returns true if the template of its maker represents this one's, or the pods that it has do. A `ReplicationController` represents
    /// its maker itself.
    fn is_represented_by(&self, maker: &Self) -> bool {
        let Some((own, theirs)) = self.template.as_ref().zip(maker.template.as_ref()) else { return false };
        let is_like = if maker.custom { is_alike } else { is_revision_of };
        self.kind != "replicationcontroller" && (self.life == Life::Runs || is_like(own, theirs))
    }

    fn makes_more(&self) -> bool {
        matches!(self.life, Life::Begins | Life::Runs)
    }

    /// Returns true for the kinds of which a controller keeps one for each revision.
    fn is_replicated(&self) -> bool {
        ["replicaset", "replicationcontroller"].contains(&self.kind.as_str())
    }

    /// Returns true for a `ReplicaSet` of Argo's Rollout, which may have its template in a Deployment.
    fn is_of_a_rollout(&self) -> bool {
        self.is_of_a("argoproj.io", "Rollout")
    }

    /// Returns true if an object of this kind is the controller.
    fn is_of_a(&self, group: &str, kind: &str) -> bool {
        let is_one = |owner: &OwnerReference| {
            owner.kind == kind && owner.api_version.split_once('/').is_some_and(|(own, _)| own == group)
        };
        controller(&self.metadata).is_some_and(is_one)
    }
}

/// Reads the workloads of every kind, and names the reads that failed.
pub(super) async fn read(
    client: &Client,
    namespace: &str,
    groups: &Read<Vec<ApiGroup>>,
) -> (Vec<Workload>, Vec<Unreadable>) {
    let (deployments, sets, stateful, daemons, controllers, jobs, crons, templates, customs) = tokio::join!(
        of_kind::<Deployment>(client, namespace, "deployment", |set| now(set.spec.map(|spec| spec.template))),
        of_kind::<ReplicaSet>(client, namespace, "replicaset", of_replica_set),
        of_kind::<StatefulSet>(client, namespace, "statefulset", |set| now(of_stateful_set(set))),
        of_kind::<DaemonSet>(client, namespace, "daemonset", |set| now(set.spec.map(|spec| spec.template))),
        of_kind::<ReplicationController>(client, namespace, "replicationcontroller", of_controller),
        of_kind::<Job>(client, namespace, "job", of_job),
        of_kind::<CronJob>(client, namespace, "cronjob", |job| {
            now(job.spec.and_then(|spec| spec.job_template.spec).map(|spec| spec.template))
        }),
        of_kind::<PodTemplate>(client, namespace, "podtemplate", |template| now(template.template)),
        custom::read(client, namespace, groups),
    );
    let (mut found, mut unread) = customs;
    for read in [deployments, sets, stateful, daemons, controllers, jobs, crons, templates] {
        match read {
            Ok(workloads) => found.extend(workloads),
            Err(unreadable) => unread.push(unreadable),
        }
    }
    (found, unread)
}

/// Returns the workloads whose templates are judged. A template is left out if it belongs to the past, or if another one
/// represents it: that of the workload of which Kubernetes made its own. Nothing else represents the workloads that an unknown kind
/// made, such as an operator's. A template of a custom object is represented by a workload that the object's controller made of
/// it: that holds what the controller adds.
pub(super) fn judged(found: Vec<Workload>) -> Vec<Workload> {
    let mut by_identity = BTreeMap::<_, Vec<&Workload>>::new();
    for workload in &found {
        if let Some(identity) = workload.identity() {
            by_identity.entry(identity).or_default().push(workload);
        }
    }
    let makers = makers(&found);
    let counts = |it: &&Workload| !it.custom && it.makes_more() && it.kind != "replicaset";
    let mut made = BTreeMap::<_, Vec<_>>::new();
    for workload in found.iter().filter(counts) {
        for maker in above(&makers, workload.identity()) {
            made.entry(maker).or_default().push(workload);
        }
    }
    let represents = |by: &Workload, it: &Workload| {
        let Some((by_template, template)) = by.template.as_ref().zip(it.template.as_ref()) else {
            return false;
        };
        if by.is_of_a("serving.knative.dev", "Revision") {
            return is_made_of(by_template, &with_class_of(by_template, template));
        }
        is_made_of(by_template, template)
    };
    let is_judged = |it: &Workload, maker: Option<&Workload>| match it.life {
        _ if it.custom => {
            let identity = it.identity();
            let by = identity.as_ref().and_then(|identity| made.get(identity));
            let of_object = identity.as_ref().and_then(|identity| by_identity.get(identity));
            // Of several templates of an object, none that says less than another was made.
            let says_most = |by: &Workload| {
                let others = of_object.into_iter().flatten().filter(|other| other.custom);
                !others
                    .filter(|other| represents(by, other))
                    .any(|other| represents(other, it) && !represents(it, other))
            };
            !by.into_iter().flatten().any(|by| represents(by, it) && says_most(by))
        }
        Life::Ended => false,
        Life::AtZero => maker.is_none() && !it.is_of_a_rollout(),
        Life::Begins | Life::Runs => !maker.is_some_and(|maker| it.is_represented_by(maker)),
    };
    let maker_of = |it: &Workload| {
        let named = maker(&it.metadata).and_then(|maker| by_identity.get(&maker));
        let mut makers = named.into_iter().flatten().filter(|maker| it.is_of(maker)).peekable();
        let first = makers.peek().copied();
        makers.find(|maker| it.is_represented_by(maker)).or(first).copied()
    };
    let kept = found.iter().map(|it| {
        let maker = maker_of(it);
        is_judged(it, maker).then(|| maker.and_then(Workload::identity))
    });
    let kept: Vec<_> = kept.collect();
    // A template of another revision is one more of its maker's.
    found.into_iter().zip(kept).filter_map(|(it, kept)| kept.map(|maker| it.named(maker))).collect()
}

/// Returns the makers of a workload, from the nearest to the farthest.
fn above(makers: &Makers, from: Option<Identity>) -> Vec<Identity> {
    let mut above: Vec<Identity> = Vec::new();
    let mut next = from.and_then(|from| makers.get(&from));
    while let Some(maker) = next.filter(|maker| !above.contains(maker)) {
        above.push(maker.clone());
        next = makers.get(maker);
    }
    above
}

/// The workloads that make pods themselves. Kubernetes' controllers count each pod that names one of theirs, and remove one too many;
/// that of a Job does so until the Job ends (`syncJob` in `pkg/controller/job/job_controller.go`). A pod that names a workload of
/// another kind, or another uid, was made by somebody else.
#[derive(Debug)]
pub(super) struct Keepers {
    /// The uids of all workloads with a kind and a name: kinds of several groups may have one name.
    uids: BTreeMap<Identity, BTreeSet<String>>,
    ended: BTreeSet<Identity>,
}

impl Keepers {
    pub(super) fn of(workloads: &[Workload]) -> Self {
        let mut keepers = Self { uids: BTreeMap::new(), ended: BTreeSet::new() };
        for it in workloads.iter().filter(|it| it.custom || KEEPERS.contains(&it.kind.as_str())) {
            let Some(identity) = it.identity() else { continue };
            if it.custom || it.life != Life::Ended {
                let uid = it.metadata.uid.clone().unwrap_or_default();
                keepers.uids.entry(identity).or_default().insert(uid);
            } else {
                keepers.ended.insert(identity);
            }
        }
        keepers
    }

    /// Returns true for a pod of the workload that it names as its maker.
    pub(super) fn keep(&self, maker: &Identity, uid: &str) -> bool {
        self.uids.get(maker).is_some_and(|uids| uids.contains(uid))
    }

    /// Returns true for a pod that the workload of this name did not make. A Job that has ended leaves none of its pods, except those
    /// that end.
    pub(super) fn disown(&self, maker: &Identity, uid: &str, ends: bool) -> bool {
        !self.keep(maker, uid) && (self.uids.contains_key(maker) || (self.ended.contains(maker) && !ends))
    }
}

/// Returns every workload that another one made, with its maker.
pub(super) fn makers(workloads: &[Workload]) -> Makers {
    workloads.iter().filter_map(|it| Some((it.identity()?, maker(&it.metadata)?))).collect()
}

/// Returns the workload that made an object.
pub(super) fn maker(metadata: &ObjectMeta) -> Option<Identity> {
    let owner = controller(metadata)?;
    Some((owner.kind.to_lowercase(), owner.name.clone()))
}

/// Returns the workload that made a pod. A workload that makes no pods has not made it: its owner wrote the reference.
pub(super) fn maker_of_pod(metadata: &ObjectMeta) -> Option<Identity> {
    let OwnerReference { api_version, kind, .. } = controller(metadata)?;
    let makes_no_pods = |(group, name): &(&str, &str)| api_version.starts_with(group) && kind == name;
    if OF_WORKLOADS.iter().any(makes_no_pods) { None } else { maker(metadata) }
}

/// Returns an object's reference to the workload that made it.
pub(super) fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.as_ref()?.iter().find(|owner| owner.controller == Some(true))
}

/// A template, and whether its workload makes more pods.
type Found = (Option<PodTemplateSpec>, Life);

const fn now(template: Option<PodTemplateSpec>) -> Found {
    (template, Life::Begins)
}

/// Returns what the replicas of a workload tell, by its specification and by its status.
fn of_replicas(wanted: Option<i32>, running: i32) -> Life {
    match (wanted, running) {
        (Some(0), 0) => Life::AtZero,
        (_, 0) => Life::Begins,
        _ => Life::Runs,
    }
}

fn of_replica_set(set: ReplicaSet) -> Found {
    let running = set.status.map(|status| status.replicas).unwrap_or_default();
    let spec = set.spec.unwrap_or_default();
    (spec.template, of_replicas(spec.replicas, running))
}

fn of_controller(controller: ReplicationController) -> Found {
    let running = controller.status.map(|status| status.replicas).unwrap_or_default();
    let spec = controller.spec.unwrap_or_default();
    (spec.template, of_replicas(spec.replicas, running))
}

/// Reads a Job. One that has ended makes no more pods (kubernetes.io, "Jobs", "Terminal Job conditions").
fn of_job(job: Job) -> Found {
    let status = job.status.unwrap_or_default();
    let ends = |it: &JobCondition| ["Complete", "Failed"].contains(&it.type_.as_str()) && it.status == "True";
    let life = match status.active {
        _ if status.conditions.iter().flatten().any(ends) => Life::Ended,
        Some(1..) => Life::Runs,
        _ => Life::Begins,
    };
    (job.spec.map(|spec| spec.template), life)
}

/// Reads a `StatefulSet`. Its claims are made for each pod and listed beside the template, whose volumes they join.
fn of_stateful_set(set: StatefulSet) -> Option<PodTemplateSpec> {
    let spec = set.spec?;
    let mut template = spec.template;
    let claims = spec.volume_claim_templates.into_iter().flatten();
    let volumes = claims.map(|claim| {
        let mut spec = claim.spec.unwrap_or_default();
        spec.storage_class_name = class(claim.metadata.annotations.as_ref(), spec.storage_class_name);
        let template = PersistentVolumeClaimTemplate { metadata: None, spec };
        ApiVolume {
            name: claim.metadata.name.unwrap_or_default(),
            ephemeral: Some(EphemeralVolumeSource { volume_claim_template: Some(template) }),
            ..ApiVolume::default()
        }
    });
    template.spec.get_or_insert_default().volumes.get_or_insert_default().extend(volumes);
    Some(template)
}

async fn of_kind<K>(
    client: &Client,
    namespace: &str,
    kind: &'static str,
    read: impl Fn(K) -> Found,
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
        let (template, life) = read(object);
        Workload { kind: kind.to_owned(), metadata, template, custom: false, life }
    })
    .await
}

#[cfg(test)]
mod tests;
