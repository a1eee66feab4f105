//! The kinds of objects that the API server has: Kubernetes' own, and custom kinds, each of which its definition adds.

use serde_json::{Value, json};

use super::route::Route;
use crate::{cluster::Cluster, store::text};

/// A kind: group and version, the plural name, and the name in an object.
type Kind = (&'static str, &'static str, &'static str);

/// Kubernetes' own kinds, as far as the product asks for them.
const OWN: &[Kind] = &[
    ("v1", "configmaps", "ConfigMap"),
    ("v1", "events", "Event"),
    ("v1", "limitranges", "LimitRange"),
    ("v1", "namespaces", "Namespace"),
    ("v1", "nodes", "Node"),
    ("v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    ("v1", "persistentvolumes", "PersistentVolume"),
    ("v1", "pods", "Pod"),
    ("v1", "podtemplates", "PodTemplate"),
    ("v1", "replicationcontrollers", "ReplicationController"),
    ("v1", "resourcequotas", "ResourceQuota"),
    ("v1", "services", "Service"),
    ("apps/v1", "daemonsets", "DaemonSet"),
    ("apps/v1", "deployments", "Deployment"),
    ("apps/v1", "replicasets", "ReplicaSet"),
    ("apps/v1", "statefulsets", "StatefulSet"),
    ("authorization.k8s.io/v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    ("authorization.k8s.io/v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    ("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    ("batch/v1", "cronjobs", "CronJob"),
    ("batch/v1", "jobs", "Job"),
    ("coordination.k8s.io/v1", "leases", "Lease"),
    ("discovery.k8s.io/v1", "endpointslices", "EndpointSlice"),
    ("events.k8s.io/v1", "events", "Event"),
    ("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy"),
    ("node.k8s.io/v1", "runtimeclasses", "RuntimeClass"),
    ("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    ("storage.k8s.io/v1", "csidrivers", "CSIDriver"),
    ("storage.k8s.io/v1", "storageclasses", "StorageClass"),
];
/// The kinds without namespaces.
const OF_CLUSTER: &[&str] =
    &["namespaces", "nodes", "persistentvolumes", "runtimeclasses", "csidrivers", "storageclasses"];

/// Returns the name of a route's kind; `None` if the API server does not have the kind.
pub(super) fn kind(cluster: &Cluster, route: &Route) -> Option<String> {
    let own =
        OWN.iter().find(|(version, plural, _)| *version == route.api_version && *plural == route.resource);
    own.map(|(_, _, kind)| (*kind).to_owned()).or_else(|| {
        let (group, version) = route.api_version.split_once('/')?;
        let mut definitions = cluster.of_kind("customresourcedefinitions", "").into_iter().map(|(_, it)| it);
        let definition = definitions.find(|it| {
            text(it, "/spec/group") == group
                && text(it, "/spec/names/plural") == route.resource
                && text(it, "/spec/versions/0/name") == version
        })?;
        Some(text(&definition, "/spec/names/kind"))
    })
}

/// Returns the groups with their kinds (kubernetes.io, "The Kubernetes API", "Aggregated discovery").
pub(super) fn groups(cluster: &Cluster) -> Vec<Value> {
    let mut groups: Vec<(String, String, Vec<Value>)> = Vec::new();
    let mut add =
        |group: &str, version: &str, resource: Value| match groups.iter_mut().find(|it| it.0 == group) {
            Some((_, _, resources)) => resources.push(resource),
            None => groups.push((group.to_owned(), version.to_owned(), vec![resource])),
        };
    for (api_version, plural, kind) in OWN {
        let scope = if OF_CLUSTER.contains(plural) { "Cluster" } else { "Namespaced" };
        if let Some((group, version)) = api_version.split_once('/') {
            add(group, version, resource(plural, kind, scope));
        }
    }
    for (_, definition) in cluster.of_kind("customresourcedefinitions", "") {
        let [group, version, plural, kind, scope] =
            ["/group", "/versions/0/name", "/names/plural", "/names/kind", "/scope"]
                .map(|path| text(&definition, &format!("/spec{path}")));
        add(&group, &version, resource(&plural, &kind, &scope));
    }
    let group = |(name, version, resources): (String, String, Vec<Value>)| {
        let version = json!({ "version": version, "freshness": "Current", "resources": resources });
        json!({ "metadata": { "name": name }, "versions": [version] })
    };
    groups.into_iter().map(group).collect()
}

fn resource(plural: &str, kind: &str, scope: &str) -> Value {
    json!({
        "resource": plural, "responseKind": { "group": "", "version": "", "kind": kind }, "scope": scope,
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    })
}

#[test]
fn a_custom_kind_is_there_with_its_definition() {
    let cluster = Cluster::new();
    let route = Route::of("/apis/example.org/v1/widgets").unwrap();
    assert_eq!(kind(&cluster, &route), None);
    let names = json!({ "plural": "widgets", "kind": "Widget" });
    let spec = json!({ "group": "example.org", "names": names, "versions": [{ "name": "v1" }] });
    let definition = crate::store::key("customresourcedefinitions", "", "widgets.example.org");
    cluster.change(|store| store.add(definition, json!({ "metadata": {}, "spec": spec })));
    assert_eq!(kind(&cluster, &route).as_deref(), Some("Widget"));
}
