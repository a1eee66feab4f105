//! The workloads of a namespace with their pod templates, and those among them whose template tells something new.

mod made;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    Metadata, NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::{
            EphemeralVolumeSource, PersistentVolumeClaimTemplate, PodTemplate, PodTemplateSpec,
            ReplicationController, Volume as ApiVolume,
        },
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{Api, Client, Resource};

use made::is_made_of;

use super::{custom, discovery::ApiGroup, list};
use crate::case::cluster::{Access, Origin, Read, Unreadable};

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
    /// True if it has ended, or another workload took its place: it makes no more pods.
    past: bool,
}

impl Workload {
    /// Returns an object of a custom kind with one of its pod templates.
    pub(super) fn custom(kind: &str, metadata: ObjectMeta, template: PodTemplateSpec) -> Self {
        Self { kind: kind.to_owned(), metadata, template: Some(template), custom: true, past: false }
    }

    pub(super) fn origin(&self) -> Origin {
        let name = self.metadata.name.clone().unwrap_or_default();
        Origin { kind: self.kind.clone(), name, pod: None }
    }

    fn identity(&self) -> Option<Identity> {
        Some((self.kind.clone(), self.metadata.name.clone()?))
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
/// represents it: that of the known workload that made its own. Nothing else represents the workloads that an unknown kind
/// made, such as an operator's. A template of a custom object is represented by a workload that the object's controller made of
/// it: that holds what the controller adds.
pub(super) fn judged(found: Vec<Workload>) -> Vec<Workload> {
    let identities =
        |custom| found.iter().filter(move |it| it.custom == custom).filter_map(Workload::identity);
    let (own, customs): (BTreeSet<_>, BTreeSet<_>) =
        (identities(false).collect(), identities(true).collect());
    let makers = makers(&found);
    let counts = |it: &&Workload| !it.custom && !it.past && it.kind != "replicaset";
    let mut made = BTreeMap::<_, Vec<_>>::new();
    for workload in found.iter().filter(counts) {
        for maker in above(&makers, workload.identity()) {
            made.entry(maker).or_default().push(&workload.template);
        }
    }
    let is_represented = |template: &Option<PodTemplateSpec>, by: &Option<PodTemplateSpec>| {
        template.as_ref().zip(by.as_ref()).is_some_and(|(template, by)| is_made_of(by, template))
    };
    let is_judged = |it: &Workload| {
        if it.custom {
            let by = it.identity().and_then(|identity| made.get(&identity));
            return !by.into_iter().flatten().any(|by| is_represented(&it.template, by));
        }
        let by_another = maker(&it.metadata).is_some_and(|maker| {
            own.contains(&maker) || (it.kind == "replicaset" && customs.contains(&maker))
        });
        !it.past && !by_another
    };
    let keep: Vec<_> = found.iter().map(is_judged).collect();
    found.into_iter().zip(keep).filter_map(|(workload, keep)| keep.then_some(workload)).collect()
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

/// Returns every workload that another one made, with its maker.
pub(super) fn makers(workloads: &[Workload]) -> Makers {
    workloads.iter().filter_map(|it| Some((it.identity()?, maker(&it.metadata)?))).collect()
}

/// Returns the workload that made an object.
pub(super) fn maker(metadata: &ObjectMeta) -> Option<Identity> {
    let owner = controller(metadata)?;
    Some((owner.kind.to_lowercase(), owner.name.clone()))
}

/// Returns an object's reference to the workload that made it.
pub(super) fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.as_ref()?.iter().find(|owner| owner.controller == Some(true))
}

/// A template, and whether its workload belongs to the past.
type Found = (Option<PodTemplateSpec>, bool);

const fn now(template: Option<PodTemplateSpec>) -> Found {
    (template, false)
}

/// Reads a `ReplicaSet`. One without replicas is kept for a way back to an earlier revision.
fn of_replica_set(set: ReplicaSet) -> Found {
    let runs = set.status.is_some_and(|status| status.replicas > 0);
    let spec = set.spec.unwrap_or_default();
    (spec.template, spec.replicas == Some(0) && !runs)
}

/// Reads a `ReplicationController`. One that a `DeploymentConfig` made is like a `ReplicaSet`.
fn of_controller(controller: ReplicationController) -> Found {
    let made = maker(&controller.metadata).is_some();
    let runs = controller.status.is_some_and(|status| status.replicas > 0);
    let spec = controller.spec.unwrap_or_default();
    (spec.template, made && spec.replicas == Some(0) && !runs)
}

/// Reads a Job. One that has ended makes no more pods (kubernetes.io, "Jobs", "Terminal Job conditions").
fn of_job(job: Job) -> Found {
    let conditions = job.status.and_then(|status| status.conditions).unwrap_or_default();
    let ended = conditions
        .iter()
        .any(|it| ["Complete", "Failed"].contains(&it.type_.as_str()) && it.status == "True");
    (job.spec.map(|spec| spec.template), ended)
}

/// Reads a `StatefulSet`. Its claims are made for each pod and listed beside the template, whose volumes they join.
fn of_stateful_set(set: StatefulSet) -> Option<PodTemplateSpec> {
    let spec = set.spec?;
    let mut template = spec.template;
    let claims = spec.volume_claim_templates.into_iter().flatten();
    let volumes = claims.map(|claim| {
        let spec = claim.spec.unwrap_or_default();
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
        let (template, past) = read(object);
        Workload { kind: kind.to_owned(), metadata, template, custom: false, past }
    })
    .await
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn workload(kind: &str, name: &str, maker: Option<(&str, &str)>) -> Workload {
        let owner = maker.map(|(kind, name)| OwnerReference {
            kind: kind.into(),
            name: name.into(),
            controller: Some(true),
            ..OwnerReference::default()
        });
        let metadata = ObjectMeta {
            name: Some(name.into()),
            owner_references: owner.map(|owner| vec![owner]),
            ..ObjectMeta::default()
        };
        Workload { kind: kind.into(), metadata, template: Some(template("app")), ..Workload::default() }
    }

    /// Returns a template with this container.
    fn template(container: &str) -> PodTemplateSpec {
        serde_json::from_value(json!({ "spec": { "containers": [{ "name": container }] } })).unwrap()
    }

    fn custom(kind: &str, name: &str, maker: Option<(&str, &str)>) -> Workload {
        Workload { custom: true, ..workload(kind, name, maker) }
    }

    fn names(found: Vec<Workload>) -> Vec<String> {
        judged(found).iter().map(|workload| workload.origin().title()).collect()
    }

    #[test]
    fn a_template_of_a_known_maker_is_represented_and_one_of_an_operator_is_not() {
        let found = vec![
            workload("deployment", "web", None),
            workload("replicaset", "web-1", Some(("Deployment", "web"))),
            workload("statefulset", "data", Some(("Database", "data"))),
        ];
        assert_eq!(names(found), ["deployment/web", "statefulset/data"]);
    }

    #[test]
    fn a_custom_object_is_represented_by_the_workload_at_the_end_of_its_chain() {
        let found = vec![
            custom("service", "web", None),
            custom("configuration", "web", Some(("Service", "web"))),
            custom("revision", "web-1", Some(("Configuration", "web"))),
            workload("deployment", "web-1", Some(("Revision", "web-1"))),
            custom("sandbox", "agent", None),
        ];
        assert_eq!(names(found), ["deployment/web-1", "sandbox/agent"]);
    }

    #[test]
    fn a_second_template_of_a_custom_object_is_judged_before_anything_is_made_of_it() {
        let set = custom("jobset", "train", None);
        let workers = Workload { template: Some(template("worker")), ..set.clone() };
        let driver = workload("job", "train-driver-0", Some(("JobSet", "train")));
        let found = vec![set, workers, driver];
        assert_eq!(names(found.clone()), ["jobset/train", "job/train-driver-0"]);
        assert_eq!(judged(found)[0].template, Some(template("worker")));
    }

    #[test]
    fn a_rollout_represents_its_replica_sets() {
        let found =
            vec![custom("rollout", "web", None), workload("replicaset", "web-1", Some(("Rollout", "web")))];
        assert_eq!(names(found), ["rollout/web"]);
    }

    #[test]
    fn what_has_ended_is_no_workload() {
        let past = |read: Found| read.1;
        let job = |status: Value| past(of_job(serde_json::from_value(json!({ "status": status })).unwrap()));
        let condition = |kind: &str| json!({ "conditions": [{ "type": kind, "status": "True" }] });
        assert!(job(condition("Complete")) && job(condition("Failed")));
        assert!(!job(condition("Suspended")) && !job(json!({ "active": 1 })));
        let set = |replicas: Value, status: i32| {
            let spec = json!({ "replicas": replicas, "selector": {} });
            let set = json!({ "spec": spec, "status": { "replicas": status } });
            past(of_replica_set(serde_json::from_value(set).unwrap()))
        };
        assert!(set(json!(0), 0));
        assert!(!set(json!(0), 1) && !set(json!(1), 0) && !set(Value::Null, 0));
        let ended = Workload { past: true, ..workload("job", "once", None) };
        assert_eq!(names(vec![ended, workload("deployment", "at-zero", None)]), ["deployment/at-zero"]);
    }
}
