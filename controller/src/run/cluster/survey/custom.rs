//! Objects of custom kinds that make pods: a pod template may lie anywhere in an object. The schemas of the kinds tell which
//! kinds may hold one, so that only the objects of these kinds are read.

mod object;
mod schema;

use std::collections::BTreeMap;

use futures_util::{StreamExt, future::join_all, stream};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GetParams, Request},
    discovery::{ApiCapabilities, Scope, verbs},
};
use serde_json::Value;

use super::{
    discovery::{self, ApiGroup},
    list_if_served, unreadable,
    workloads::Workload,
};
use crate::case::{
    cluster::{Access, Read, Unreadable},
    policy::kinds,
};

/// Schemas that are requested at once.
const AT_ONCE: usize = 8;

/// Groups without a kind that makes pods by a template, besides those of policies.
const WITHOUT_TEMPLATES: &[&str] = &[
    // Kubernetes' own. The groups of workloads are read by name.
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "autoscaling.k8s.io",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "custom.metrics.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "external.metrics.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "gateway.networking.k8s.io",
    "internal.apiserver.k8s.io",
    "metrics.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "snapshot.storage.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
    // A Workload of Kueue copies the templates of the object that waits, and nothing is made of the copy (kueue,
    // `pkg/controller/jobs/pod/pod_controller.go`, `constructPodSet`).
    "kueue.x-k8s.io",
    // Certificates, credentials, meshes, and policies of admission, whose patterns only look like templates.
    "acme.cert-manager.io",
    "cert-manager.io",
    "constraints.gatekeeper.sh",
    "external-secrets.io",
    "k8s.cni.cncf.io",
    "kyverno.io",
    "mutations.gatekeeper.sh",
    "networking.istio.io",
    "policies.kyverno.io",
    "secrets-store.csi.x-k8s.io",
    "security.istio.io",
    "templates.gatekeeper.sh",
    // Statistics, catalogues, connections and subresources of servers beside the API server, which are often out of reach.
    "controlplane.antrea.io",
    "packages.operators.coreos.com",
    "stats.antrea.io",
    "subresources.kubevirt.io",
    "system.antrea.io",
    "tap.linkerd.io",
    "vpcresources.k8s.aws",
];

/// Reads the objects of every custom kind that may hold a pod template, and names those that cannot be read.
pub(super) async fn read(
    client: &Client,
    namespace: &str,
    groups: &Read<Vec<ApiGroup>>,
) -> (Vec<Workload>, Vec<Unreadable>) {
    let groups = match groups {
        Ok(groups) => groups,
        Err(unreadable) => return (Vec::new(), vec![unreadable.clone()]),
    };
    let mut kinds = Vec::new();
    let mut unread = Vec::new();
    let schemas = stream::iter(groups.iter().filter(|group| may_have_templates(group)))
        .map(|group| kinds_of(client, group))
        .buffered(AT_ONCE);
    for (found, failed) in schemas.collect::<Vec<_>>().await {
        kinds.extend(found);
        unread.extend(failed);
    }
    let lists = kinds.iter().map(|kind| objects(client, kind, namespace));
    let mut found = Vec::new();
    for (kind, objects) in kinds.iter().zip(join_all(lists).await) {
        match objects {
            Ok(objects) => {
                for object in &objects {
                    let (workloads, failed) = workloads(kind, object);
                    found.extend(workloads);
                    unread.extend(failed);
                }
            }
            Err(unreadable) => unread.push(unreadable),
        }
    }
    (found, unread)
}

fn may_have_templates(group: &ApiGroup) -> bool {
    !WITHOUT_TEMPLATES.contains(&group.name.as_str()) && !kinds::is_of_policies(&group.name)
}

/// Returns the kinds of a group that may hold a pod template, each once, and the versions that could not be read. A kind may
/// exist in a single version.
async fn kinds_of(client: &Client, group: &ApiGroup) -> (Vec<ApiResource>, Vec<Unreadable>) {
    let mut kinds: BTreeMap<String, ApiResource> = BTreeMap::new();
    let mut unread = Vec::new();
    for version in group.versions.iter().map(|version| version.name.as_str()) {
        let found = match schema_of(client, &group.name, version).await {
            Ok(schema) => Ok(by_schema(&schema, &group.name, version)),
            // A new kind is served before its schema is.
            Err(_) => by_discovery(client, &group.name, version).await,
        };
        match found {
            Ok(found) => found.into_iter().for_each(|kind| {
                kinds.entry(kind.kind.clone()).or_insert(kind);
            }),
            Err(unreadable) => unread.push(unreadable),
        }
    }
    (kinds.into_values().collect(), unread)
}

fn by_schema(schema: &Value, group: &str, version: &str) -> Vec<ApiResource> {
    let kinds = schema::kinds(schema, |kind| object::is_partly_known(group, kind)).into_iter();
    let resource = |(plural, kind)| ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: format!("{group}/{version}"),
        kind,
        plural,
    };
    kinds.map(resource).collect()
}

/// Returns every kind of a namespace: without a schema, each may hold a template.
async fn by_discovery(client: &Client, group: &str, version: &str) -> Read<Vec<ApiResource>> {
    let lists = |capabilities: &ApiCapabilities| {
        capabilities.scope == Scope::Namespaced && capabilities.supports_operation(verbs::LIST)
    };
    let all = discovery::asked(client, group, version).await?.into_iter();
    Ok(all.filter(|(_, capabilities)| lists(capabilities)).map(|(resource, _)| resource).collect())
}

/// Returns the schema of a group's version, which every account may read (kubernetes.io, "Using RBAC Authorization",
/// `system:discovery`).
async fn schema_of(client: &Client, group: &str, version: &str) -> Read<Value> {
    let folder = format!("/openapi/v3/apis/{group}");
    let what = Access::Path(format!("{folder}/{version}"));
    let request = Request::new(folder).get(version, &GetParams::default());
    let failed = |message: String| Unreadable { what: what.clone(), forbidden: false, message };
    let request = request.map_err(|error| failed(error.to_string()))?;
    client.request(request).await.map_err(unreadable(what))
}

/// Reads the objects of a kind in the namespace.
async fn objects(client: &Client, kind: &ApiResource, namespace: &str) -> Read<Vec<DynamicObject>> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, kind);
    let what = Access::list(format!("{}.{}", kind.plural, kind.group));
    list_if_served(api, what, |object| object).await
}

/// Returns the workloads of an object, one for each of its pod templates; none for a run that has ended, and for a copy.
fn workloads(kind: &ApiResource, object: &DynamicObject) -> (Vec<Workload>, Option<Unreadable>) {
    let (group, name) = (&kind.group, &kind.kind);
    if object::has_ended(group, name, &object.data) || object::is_copied(group, name, object) {
        return (Vec::new(), None);
    }
    let lower = kind.kind.to_lowercase();
    let title = format!("{lower}/{}", object.metadata.name.as_deref().unwrap_or_default());
    let unread =
        |message: String| Unreadable { what: Access::PodsOf(title.clone()), forbidden: false, message };
    if object::is_partly_known(&kind.group, &kind.kind) {
        let why = format!("a {} does not hold the whole specification of its pods", kind.kind);
        return (Vec::new(), Some(unread(why)));
    }
    match object::templates(&object.data) {
        Ok(templates) => {
            let workload = |template| Workload::custom(&lower, object.metadata.clone(), template);
            (templates.into_iter().map(workload).collect(), None)
        }
        Err(why) => (Vec::new(), Some(unread(why))),
    }
}
/// Returns the pod templates of any object, after reading it as a document of schemas, too.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn of_any(object: &Value) -> Vec<k8s_openapi::api::core::v1::PodTemplateSpec> {
    _ = schema::kinds(object, |_| false);
    _ = object::has_ended("jobset.x-k8s.io", "JobSet", object);
    object::templates(object).unwrap_or_default()
}
