use k8s_openapi::api::core::v1::PodSpec;
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

fn names(found: &[Workload]) -> Vec<String> {
    judged(found.to_vec()).iter().map(|workload| workload.origin().title()).collect()
}

#[test]
fn a_template_of_a_known_maker_is_represented_and_one_of_an_operator_is_not() {
    let found = vec![
        workload("deployment", "web", None),
        workload("replicaset", "web-1", Some(("Deployment", "web"))),
        workload("statefulset", "data", Some(("Database", "data"))),
    ];
    assert_eq!(names(&found), ["deployment/web", "statefulset/data"]);
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
    assert_eq!(names(&found), ["deployment/web-1", "sandbox/agent"]);
}

/// Returns the judged workloads where the Deployment of a Knative Revision, of this group, has a class that no custom template has.
fn with_a_class(group: &str, change: fn(&mut PodTemplateSpec)) -> Vec<String> {
    let mut revision = custom("revision", "web-1", None);
    change(revision.template.as_mut().unwrap());
    let mut deployment = workload("deployment", "web-1", Some(("Revision", "web-1")));
    deployment.metadata.owner_references.as_mut().unwrap()[0].api_version = format!("{group}/v1");
    deployment.template.as_mut().unwrap().spec.as_mut().unwrap().runtime_class_name = Some("gvisor".into());
    names(&[revision, deployment])
}

#[test]
fn a_deployment_of_knative_has_the_class_that_its_revision_does_not_name() {
    assert_eq!(with_a_class("serving.knative.dev", |_| ()), ["deployment/web-1"]);
    let both = ["revision/web-1", "deployment/web-1"];
    assert_eq!(with_a_class("serving.example", |_| ()), both);
    let other = |template: &mut PodTemplateSpec| {
        template.spec.as_mut().unwrap().runtime_class_name = Some("kata".into());
    };
    assert_eq!(with_a_class("serving.knative.dev", other), both);
    let shared = |template: &mut PodTemplateSpec| template.spec.as_mut().unwrap().host_network = Some(true);
    assert_eq!(with_a_class("serving.knative.dev", shared), both);
}

#[test]
fn a_second_template_of_a_custom_object_is_judged_before_anything_is_made_of_it() {
    let set = custom("jobset", "train", None);
    let workers = Workload { template: Some(template("worker")), ..set.clone() };
    let driver = workload("job", "train-driver-0", Some(("JobSet", "train")));
    let found = vec![set, workers, driver];
    assert_eq!(names(&found), ["jobset/train", "job/train-driver-0"]);
    assert_eq!(judged(found)[0].template, Some(template("worker")));
}

/// Returns the judged templates of an object that has these two, where a workload has the template `made`.
fn with_two_templates(first: &Value, second: &Value, made: &Value) -> Vec<Value> {
    let of = |template: &Value| serde_json::from_value(json!({ "spec": template })).unwrap();
    let set = Workload { template: Some(of(first)), ..custom("jobset", "train", None) };
    let workers = Workload { template: Some(of(second)), ..set.clone() };
    let driver =
        Workload { template: Some(of(made)), ..workload("job", "train-driver-0", Some(("JobSet", "train"))) };
    let judged = judged(vec![set, workers, driver]).into_iter();
    judged.filter(|it| it.custom).map(|it| json!(it.template.unwrap().spec)).collect()
}

/// A template that leaves something out says less than the one that was made.
#[test]
fn a_template_that_says_less_than_the_one_that_was_made_is_judged() {
    let hardened = json!({
        "automountServiceAccountToken": false,
        "containers": [{
            "name": "main",
            "resources": { "limits": { "memory": "64Mi" } },
            "securityContext": { "readOnlyRootFilesystem": true },
        }],
    });
    let less: [fn(&mut Value); 3] = [
        |template| template["containers"][0]["resources"] = json!({}),
        |template| template["containers"][0]["securityContext"] = Value::Null,
        |template| template["automountServiceAccountToken"] = Value::Null,
    ];
    for change in less {
        let mut second = hardened.clone();
        change(&mut second);
        let judged = with_two_templates(&hardened, &second, &hardened);
        let of = |template: &Value| json!(serde_json::from_value::<PodSpec>(template.clone()).unwrap());
        assert_eq!(judged, [of(&second)]);
    }
    assert_eq!(with_two_templates(&hardened, &hardened, &hardened), [json!(null); 0]);
    // Each has something that the other lacks, and the controller adds it to both.
    let [mut first, mut second] = [hardened.clone(), hardened.clone()];
    first["automountServiceAccountToken"] = Value::Null;
    second["containers"][0]["resources"] = json!({});
    assert_eq!(with_two_templates(&first, &second, &hardened), [json!(null); 0]);
}

#[test]
fn the_class_in_an_annotation_of_a_claims_template_counts_before_its_field() {
    let claim = json!({
        "metadata": { "name": "data", "annotations": { "volume.beta.kubernetes.io/storage-class": "fast" } },
        "spec": { "storageClassName": "local" },
    });
    let set = json!({ "spec": {
        "selector": {}, "serviceName": "db", "template": {}, "volumeClaimTemplates": [claim],
    } });
    let template = of_stateful_set(serde_json::from_value(set).unwrap()).unwrap();
    let volume = template.spec.unwrap().volumes.unwrap().remove(0);
    let claim = volume.ephemeral.unwrap().volume_claim_template.unwrap();
    assert_eq!((volume.name.as_str(), claim.spec.storage_class_name.as_deref()), ("data", Some("fast")));
}

#[test]
fn a_rollout_represents_its_replica_sets() {
    let found =
        vec![custom("rollout", "web", None), workload("replicaset", "web-1", Some(("Rollout", "web")))];
    assert_eq!(names(&found), ["rollout/web"]);
}

/// Anybody who writes an object may write its owner (kubernetes.io, "Owners and Dependents").
#[test]
fn a_reference_to_a_maker_hides_no_other_template() {
    let web = workload("deployment", "web", None);
    let made = |kind: &str, change: fn(&mut Workload)| {
        let mut made = workload(kind, "made", Some(("Deployment", "web")));
        change(&mut made);
        names(&[web.clone(), made])
    };
    assert_eq!(made("replicaset", |_| ()), ["deployment/web"]);
    for kind in ["deployment", "statefulset", "daemonset", "job", "cronjob", "podtemplate"] {
        assert_eq!(made(kind, |_| ()), ["deployment/web".to_owned(), format!("{kind}/made")]);
    }
    let of_another =
        |made: &mut Workload| made.metadata.owner_references.as_mut().unwrap()[0].uid = "of another".into();
    assert_eq!(made("replicaset", of_another), ["deployment/web", "replicaset/made"]);
    // A template of another revision without pods is judged as its maker's, so that an entry of the policy file holds for it.
    let changes: [fn(&mut Workload); 2] = [
        |made| made.template.as_mut().unwrap().spec.as_mut().unwrap().host_pid = Some(true),
        |made| made.template.as_mut().unwrap().metadata = Some(labelled("role", "admin")),
    ];
    for change in changes {
        assert_eq!(made("replicaset", change), ["deployment/web", "deployment/web"]);
        let mut running = workload("replicaset", "made", Some(("Deployment", "web")));
        change(&mut running);
        running.life = Life::Runs;
        assert_eq!(names(&[web.clone(), running]), ["deployment/web"]);
    }
}

#[test]
fn a_revision_with_another_image_is_represented() {
    let mut revision = workload("replicaset", "web-2", Some(("Deployment", "web")));
    let template = revision.template.as_mut().unwrap();
    template.metadata = Some(labelled("pod-template-hash", "2"));
    template.spec.as_mut().unwrap().containers[0].image = Some("app:2".into());
    assert_eq!(names(&[workload("deployment", "web", None), revision]), ["deployment/web"]);
}

fn labelled(key: &str, value: &str) -> ObjectMeta {
    let labels = BTreeMap::from([(key.to_owned(), value.to_owned())]);
    ObjectMeta { labels: Some(labels), ..ObjectMeta::default() }
}

#[test]
fn what_has_ended_is_no_workload() {
    let life = |read: Found| read.1;
    let job = |status: Value| life(of_job(serde_json::from_value(json!({ "status": status })).unwrap()));
    let condition = |kind: &str| json!({ "conditions": [{ "type": kind, "status": "True" }] });
    assert_eq!([job(condition("Complete")), job(condition("Failed"))], [Life::Ended; 2]);
    assert_eq!([job(condition("Suspended")), job(json!({ "active": 1 }))], [Life::Begins, Life::Runs]);
    assert_eq!(of_replicas(Some(0), 0), Life::AtZero);
    assert_eq!([of_replicas(Some(1), 0), of_replicas(None, 0)], [Life::Begins; 2]);
    assert_eq!([of_replicas(Some(0), 1), of_replicas(Some(1), 1)], [Life::Runs; 2]);
    let ended = Workload { life: Life::Ended, ..workload("job", "once", None) };
    assert_eq!(names(&[ended, workload("deployment", "at-zero", None)]), ["deployment/at-zero"]);
}

/// An earlier revision has no way back but by its maker.
#[test]
fn a_replica_set_without_replicas_counts_unless_its_maker_is_known() {
    let idle = |change: fn(&mut OwnerReference)| {
        let mut set = workload("replicaset", "idle", Some(("Deployment", "web")));
        set.life = Life::AtZero;
        set.template = Some(template("other"));
        change(&mut set.metadata.owner_references.as_mut().unwrap()[0]);
        names(&[workload("deployment", "web", None), set])
    };
    assert_eq!(idle(|_| ()), ["deployment/web"]);
    let of_argo = |owner: &mut OwnerReference| {
        (owner.kind, owner.api_version) = ("Rollout".into(), "argoproj.io/v1alpha1".into());
    };
    assert_eq!(idle(of_argo), ["deployment/web"]);
    let changes: [fn(&mut OwnerReference); 3] = [
        |owner| owner.uid = "of another".into(),
        |owner| owner.kind = "ConfigMap".into(),
        |owner| owner.controller = None,
    ];
    for change in changes {
        assert_eq!(idle(change), ["deployment/web", "replicaset/idle"]);
    }
}
