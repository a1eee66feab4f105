//! The views of watched objects: each has a title, and a record if its changes count.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    ResourceExt,
    api::{ApiResource, DynamicObject},
};
use serde_json::{Value, json};

use super::sources::View;
use crate::{
    case::cluster::{Taint, node::is_named},
    plan::{
        cluster::tells_a_setup,
        renewal::{Declared, NodeRecord, Offer, Record, is_represented, shape},
    },
    run::cluster::{
        pods::run_of_pod,
        startup_taint::{StartupTaint, bound},
        survey,
    },
    support::{digest::sha256, names::RUN_LABEL},
};

/// Returns the view of nodes, whose pools a label names.
pub(super) fn node(pool_label: Option<String>, startup_taint: Option<StartupTaint>) -> View {
    Box::new(move |object| {
        let node = object.clone().try_parse::<Node>().ok();
        let record = node.map(|node| {
            let startup = startup_taint.as_ref().map(|taint| taint.on(&node)).unwrap_or_default();
            let bound = bound(&node);
            let node = survey::node(node, pool_label.as_deref());
            let is_open = node.is_open();
            let own = |taint: &Taint| startup_taint.as_ref().is_some_and(|own| own.has_key(&taint.key));
            let repels = |taint: &Taint| !own(taint) && !taint.is_for_now();
            let taints = node.taints.into_iter().filter(repels);
            let mut setup = node.labels.clone();
            setup.retain(|key, _| !is_named(&node.pool) && tells_a_setup(key));
            let offer = Offer {
                setup,
                labels: sha256(json!(node.labels).to_string().as_bytes()),
                taints: taints.map(|taint| taint.to_string()).collect(),
            };
            let offer = offer.into();
            Record::Node(NodeRecord { pool: node.pool, is_open, opened: 0, bound, startup, offer })
        });
        (object.name_any(), record)
    })
}

pub(super) fn runtime_class(object: &DynamicObject) -> (String, Option<Record>) {
    let DynamicObject { data, .. } = object;
    // A pod that is older than its class may run with another handler.
    let parts = json!([object.metadata.uid, data["handler"], data["overhead"], data["scheduling"]]);
    let version = sha256(parts.to_string().as_bytes());
    let record = Record::Declared(Declared::RuntimeClass, version);
    (format!("RuntimeClass {}", object.name_any()), Some(record))
}

/// Returns the record of a policy from its metadata. Labels count, because some kinds select other objects by them.
pub(super) fn policy(kind: &ApiResource, object: &DynamicObject) -> (String, Option<Record>) {
    let metadata = &object.metadata;
    // A kind without generations changes with each of its versions.
    let change = match metadata.generation {
        Some(generation) => generation.to_string(),
        None => metadata.resource_version.clone().unwrap_or_default(),
    };
    let version = json!([metadata.uid, change, metadata.labels]).to_string();
    let name = match &metadata.namespace {
        Some(namespace) => format!("{} {namespace}/{}", kind.kind, object.name_any()),
        None => format!("{} {}", kind.kind, object.name_any()),
    };
    (name, Some(Record::Declared(Declared::Policy, version)))
}

/// Returns the view of workloads, whose pod template is at a path. A workload that Kubernetes made of another one has no record.
pub(super) fn template(kind: &'static str, path: &'static str) -> View {
    Box::new(move |object| {
        let metadata = json!({ "ownerReferences": object.metadata.owner_references });
        let template = object.data.pointer(path).filter(|_| !is_represented(kind, &metadata));
        let title = format!("{kind}/{}", object.name_any());
        let claims = object.data.pointer("/spec/volumeClaimTemplates");
        (title, template.map(|template| Record::Template(shape(&with_claims(template, claims)))))
    })
}

/// Returns a template with the claims that a StatefulSet makes for each pod, which are volumes of the pods, too.
fn with_claims<'a>(template: &'a Value, claims: Option<&Value>) -> Cow<'a, Value> {
    let claims = claims.and_then(Value::as_array).into_iter().flatten();
    let claims: Vec<_> =
        claims.map(|claim| json!([claim.pointer("/metadata/name"), claim["spec"]])).collect();
    if claims.is_empty() {
        return Cow::Borrowed(template);
    }
    let mut template = template.clone();
    if let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("volumeClaimTemplates".to_owned(), claims.into());
    }
    Cow::Owned(template)
}

/// Returns the record of a pod. A run's own pods have none.
pub(super) fn pod(object: &DynamicObject) -> (String, Option<Record>) {
    let title = format!("pod/{}", object.name_any());
    let is_labelled = object.labels().contains_key(RUN_LABEL);
    let is_of_a_run =
        is_labelled && object.clone().try_parse::<Pod>().is_ok_and(|pod| run_of_pod(&pod).is_some());
    let text = |place: &str| object.data.pointer(place).and_then(Value::as_str);
    let has_ended = matches!(text("/status/phase"), Some("Failed" | "Succeeded"));
    if is_of_a_run || has_ended {
        return (title, None);
    }
    let node = text("/spec/nodeName").map(str::to_owned);
    let metadata = serde_json::to_value(&object.metadata).unwrap_or(Value::Null);
    let shape = shape(&json!({ "metadata": metadata, "spec": object.data.get("spec") }));
    (title, Some(Record::Pod { shape, node }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(object: Value) -> DynamicObject {
        serde_json::from_value(object).unwrap()
    }

    fn class(class: Value) -> Record {
        runtime_class(&object(class)).1.unwrap()
    }

    #[test]
    fn a_runtime_class_changes_with_its_handler_and_its_scheduling_alone() {
        let gvisor = |version: &str, handler: &str, pool: &str| {
            class(json!({
                "metadata": { "name": "gvisor", "resourceVersion": version },
                "handler": handler,
                "scheduling": { "nodeSelector": { "pool": pool } },
            }))
        };
        let first = gvisor("1", "runsc", "a");
        assert_eq!(first, gvisor("2", "runsc", "a"));
        assert_ne!(first, gvisor("1", "runc", "a"));
        assert_ne!(first, gvisor("1", "runsc", "b"));
    }

    #[test]
    fn a_class_that_was_made_again_is_another_one() {
        let made =
            |uid: &str| class(json!({ "metadata": { "name": "gvisor", "uid": uid }, "handler": "runsc" }));
        assert_eq!(made("a"), made("a"));
        assert_ne!(made("a"), made("b"));
    }

    #[test]
    fn a_stateful_set_with_another_claim_is_another_template() {
        let set = |class: &str| {
            let claim = json!({ "metadata": { "name": "data" }, "spec": { "storageClassName": class } });
            let spec = json!({ "template": { "spec": {} }, "volumeClaimTemplates": [claim] });
            let set = object(json!({ "metadata": { "name": "web" }, "spec": spec }));
            template("statefulset", "/spec/template")(&set).1.unwrap()
        };
        assert_eq!(set("fast"), set("fast"));
        assert_ne!(set("fast"), set("node-local"));
    }

    #[test]
    fn a_node_offers_a_place_by_its_labels_and_its_taints() {
        let offer = |metadata: Value, spec: Value| {
            let startup = StartupTaint::new("example.com/unproven".into(), "shop");
            let node = object(json!({ "metadata": metadata, "spec": spec }));
            match super::node(None, Some(startup))(&node).1 {
                Some(Record::Node(node)) => node.offer,
                other => panic!("{other:?}"),
            }
        };
        let named = || json!({ "name": "one" });
        let plain = offer(named(), json!({}));
        for key in ["node.kubernetes.io/not-ready", "example.com/unproven"] {
            let taints = json!([{ "key": key, "effect": "NoSchedule" }]);
            assert_eq!(plain, offer(named(), json!({ "taints": taints })), "{key}");
        }
        assert_eq!(plain, offer(json!({ "name": "one", "annotations": { "a": "b" } }), json!({})));
        let taints = json!([{ "key": "example.com/batch", "effect": "NoSchedule" }]);
        assert_ne!(plain, offer(named(), json!({ "taints": taints })));
        assert_ne!(plain, offer(json!({ "name": "one", "labels": { "sandbox": "true" } }), json!({})));
    }

    #[test]
    fn a_node_without_a_pool_has_the_labels_of_its_setup() {
        let setup = |labels: Value| {
            let labels = object(json!({ "metadata": { "name": "one", "labels": labels } }));
            match node(None, None)(&labels).1 {
                Some(Record::Node(node)) => node.offer.setup,
                other => panic!("{other:?}"),
            }
        };
        let named = json!({ "cloud.google.com/gke-nodepool": "a", "disk": "ssd" });
        assert!(setup(named).is_empty());
        let unnamed = json!({ "kubernetes.io/hostname": "one", "disk": "ssd" });
        assert_eq!(setup(unnamed), [("disk".to_owned(), "ssd".to_owned())].into());
    }

    #[test]
    fn a_handler_with_other_features_is_another_runtime() {
        let record = |user_namespaces: bool| {
            let features = json!({ "userNamespaces": user_namespaces });
            let status = json!({ "runtimeHandlers": [{ "name": "runsc", "features": features }] });
            node(None, None)(&object(json!({ "metadata": { "name": "one" }, "status": status }))).1.unwrap()
        };
        assert_eq!(record(false), record(false));
        assert_ne!(record(false), record(true));
    }

    #[test]
    fn a_node_is_open_while_it_is_ready_and_not_cordoned() {
        let is_open = |ready: &str, cordoned: bool| {
            let status = json!({ "conditions": [{ "type": "Ready", "status": ready }] });
            let spec = json!({ "unschedulable": cordoned });
            let object = object(json!({ "metadata": { "name": "one" }, "spec": spec, "status": status }));
            matches!(node(None, None)(&object).1, Some(Record::Node(NodeRecord { is_open: true, .. })))
        };
        let states = [("True", false), ("True", true), ("False", false)];
        assert_eq!(states.map(|(ready, cordoned)| is_open(ready, cordoned)), [true, false, false]);
    }

    #[test]
    fn a_policy_changes_with_its_generation_or_without_one_with_its_version() {
        let kind = ApiResource::erase::<k8s_openapi::api::networking::v1::NetworkPolicy>(&());
        let policy = |generation: Value, version: &str| {
            let metadata = json!({ "name": "deny", "namespace": "shop", "generation": generation, "resourceVersion": version });
            policy(&kind, &object(json!({ "metadata": metadata })))
        };
        assert_eq!(policy(json!(1), "1"), policy(json!(1), "2"));
        assert_ne!(policy(json!(1), "1"), policy(json!(2), "1"));
        assert_ne!(policy(Value::Null, "1"), policy(Value::Null, "2"));
        assert_eq!(policy(json!(1), "1").0, "NetworkPolicy shop/deny");
    }

    #[test]
    fn an_ended_pod_has_no_record() {
        let pod = |phase: &str| {
            let status = json!({ "phase": phase });
            pod(&object(json!({ "metadata": { "name": "a" }, "spec": {}, "status": status }))).1
        };
        assert!(pod("Running").is_some() && pod("Succeeded").is_none());
    }

    #[test]
    fn a_pod_with_a_runs_label_alone_has_a_record() {
        let labels = json!({ RUN_LABEL: "podproof-00000000" });
        let (_, record) = pod(&object(json!({ "metadata": { "name": "a", "labels": labels }, "spec": {} })));
        assert!(record.is_some());
    }

    #[test]
    fn a_workload_of_a_watched_workload_has_no_record() {
        let made = |kind: &'static str, maker: &str| {
            let owner = json!({ "apiVersion": "apps/v1", "kind": maker, "name": "web", "uid": "w", "controller": true });
            let metadata = json!({ "name": "web-1", "ownerReferences": [owner] });
            template(kind, "/spec/template")(&object(
                json!({ "metadata": metadata, "spec": { "template": {} } }),
            ))
            .1
        };
        assert!(made("replicaset", "Deployment").is_none() && made("replicaset", "Rollout").is_some());
        // Nothing but the object itself says that the Deployment made it.
        assert!(made("daemonset", "Deployment").is_some() && made("cronjob", "Deployment").is_some());
    }
}
