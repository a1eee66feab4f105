//! NetworkPolicies, and policies of other kinds, which are discovered.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join_all, try_join_all};
use k8s_openapi::{
    api::networking::v1::NetworkPolicy,
    apimachinery::pkg::apis::meta::v1::{APIGroup, LabelSelector},
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    core::{GroupVersion, TypeMeta},
    discovery::{Scope as ApiScope, pinned_group},
};
use serde_json::{Value, json};

use super::{is_gone, list_if_served, unreadable};
use crate::case::{
    cluster::{Access, Read, Requirement, Selector},
    policy::{Opaque, Policies, Unread, kinds},
};

/// The kind of Calico's tiers, of which each cluster has one at least.
const TIER: &str = "Tier";

/// The kinds of policies besides NetworkPolicy that this cluster has, by API group.
#[derive(Clone, Debug)]
pub(crate) struct OtherKinds(Vec<Read<Vec<(ApiResource, ApiScope)>>>);

/// Reads the policies of a namespace and those of the whole cluster. A failed read is a policy that is not evaluated.
pub(super) async fn read(client: &Client, kinds: &OtherKinds, namespace: &str) -> Policies {
    let own = ApiResource::erase::<NetworkPolicy>(&());
    let (own, others) =
        tokio::join!(objects(client, &own, Some(namespace)), objects_of_others(client, kinds, namespace));
    let mut read = Vec::new();
    let mut failed = Vec::new();
    let own = own.map(|own| own.iter().map(kept).collect());
    for (what, objects) in std::iter::once((Unread::NetworkPolicies, own))
        .chain(others.into_iter().map(|it| (Unread::Others, it)))
    {
        match objects {
            Ok(objects) => read.extend(objects),
            Err(unreadable) => failed.push(Opaque::unread(what, unreadable)),
        }
    }
    Policies::of(read, failed)
}

/// Returns the version of each policy by its title; it differs for another policy of the same title and after a change.
pub(super) fn versions(policies: &Policies) -> BTreeMap<String, String> {
    let text = |object: &Value, path: &str| {
        object.pointer(path).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let version = |object: &Value| {
        let part = |path| text(object, path).unwrap_or_default();
        (
            format!("{} {}", part("/kind"), part("/metadata/name")),
            // A list has no version of its own.
            format!("{}/{}{}", part("/metadata/uid"), part("/metadata/generation"), part("/items")),
        )
    };
    policies.objects.iter().map(version).collect()
}

pub(super) fn selector(api: LabelSelector) -> Selector {
    let requirements = api.match_expressions.into_iter().flatten().map(|expression| Requirement {
        key: expression.key,
        operator: expression.operator,
        values: expression.values.unwrap_or_default(),
    });
    Selector { equals: api.match_labels.unwrap_or_default(), requirements: requirements.collect() }
}

/// Discovers the other kinds, those of each group by themselves. A group that cannot be read is named.
pub(super) async fn other_kinds(client: &Client, groups: &Read<Vec<APIGroup>>) -> OtherKinds {
    OtherKinds(match groups {
        Ok(groups) => {
            let of_policies = groups.iter().filter(|group| kinds::is_of_policies(&group.name));
            let known = join_all(of_policies.map(|group| discovered(client, group)));
            let (mut known, suspects) = tokio::join!(known, suspects(client));
            known.push(Ok(suspects));
            known
        }
        Err(unreadable) => vec![Err(unreadable.clone())],
    })
}

/// Discovers kinds of other groups that look like policies by their names. An API server before Kubernetes 1.27 does not
/// tell all kinds at once, and shows none of them.
async fn suspects(client: &Client) -> Vec<(ApiResource, ApiScope)> {
    let groups = client.list_api_groups_aggregated().await.map(|list| list.items).unwrap_or_default();
    let mut found = BTreeMap::new();
    for group in groups {
        let name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
        for version in group.versions {
            let version_name = version.version.unwrap_or_default();
            for resource in version.resources {
                let kind = resource.response_kind.and_then(|kind| kind.kind).unwrap_or_default();
                let plural = resource.resource.unwrap_or_default();
                if !kinds::is_suspect(&name, &kind) {
                    continue;
                }
                let scope = match resource.scope.as_deref() {
                    Some("Namespaced") => ApiScope::Namespaced,
                    _ => ApiScope::Cluster,
                };
                let version = GroupVersion::gv(&name, &version_name);
                let resource = ApiResource::from_gvk_with_plural(&version.with_kind(&kind), &plural);
                found.entry((name.clone(), kind)).or_insert((resource, scope));
            }
        }
    }
    found.into_values().collect()
}

/// Discovers the kinds of a group that may open or close a pod's traffic, in every version: a kind may exist in a single
/// version only.
async fn discovered(client: &Client, group: &APIGroup) -> Read<Vec<(ApiResource, ApiScope)>> {
    let preferred = group.preferred_version.iter();
    let versions = preferred.chain(&group.versions).map(|version| &version.version);
    let mut told = BTreeSet::new();
    let versions = versions.filter(|version| told.insert((*version).clone())).map(|version| async move {
        let path = format!("/apis/{}/{version}", group.name);
        let version = GroupVersion::gv(&group.name, version);
        match pinned_group(client, &version).await {
            Ok(group) => Ok(group.recommended_resources()),
            Err(error) if is_gone(&error) => Ok(Vec::new()),
            Err(error) => Err(unreadable(Access::Path(path))(error)),
        }
    });
    let mut kinds = BTreeMap::new();
    for (resource, capabilities) in try_join_all(versions).await?.into_iter().flatten() {
        let counts =
            kinds::may_bind(&group.name, &resource.kind) || kinds::completes(&group.name, &resource.kind);
        if counts && !resource.plural.contains('/') {
            kinds.entry(resource.kind.clone()).or_insert((resource, capabilities.scope));
        }
    }
    Ok(kinds.into_values().collect())
}

/// Reads the objects of other kinds in the namespace and for the whole cluster, each kind by itself.
async fn objects_of_others(client: &Client, kinds: &OtherKinds, namespace: &str) -> Vec<Read<Vec<Value>>> {
    let lists = kinds.0.iter().flatten().flatten().map(|(resource, scope)| async move {
        let completes = kinds::completes(&resource.group, &resource.kind);
        let namespaced = *scope == ApiScope::Namespaced && !completes;
        let objects = match objects(client, resource, namespaced.then_some(namespace)).await {
            // The model names each part of a policy that needs what was not read.
            Err(_) if completes => return Ok(Vec::new()),
            objects => objects?,
        };
        // Nothing but the list itself tells that there is no object.
        Ok(if completes && resource.kind != TIER {
            vec![json!({
                "apiVersion": resource.api_version,
                "kind": format!("{}List", resource.kind),
                "items": objects.iter().map(kept).collect::<Vec<_>>(),
            })]
        } else {
            objects.iter().map(kept).collect()
        })
    });
    let failed = kinds.0.iter().filter_map(|kinds| kinds.as_ref().err()).map(|unread| Err(unread.clone()));
    join_all(lists).await.into_iter().chain(failed).collect()
}

/// Reads the objects of one kind, each with the kind's name.
async fn objects(
    client: &Client,
    resource: &ApiResource,
    namespace: Option<&str>,
) -> Read<Vec<DynamicObject>> {
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    };
    let of_kind = TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() };
    let what = Access::list(format!("{}.{}", resource.plural, resource.group));
    // The items of a list lack their kind.
    list_if_served(api, what, |object| DynamicObject { types: Some(of_kind.clone()), ..object }).await
}

/// Returns the parts of an object that say what it binds, and that tell it from another object of the same name.
fn kept(object: &DynamicObject) -> Value {
    let types = object.types.clone().unwrap_or_default();
    let DynamicObject { metadata, data, .. } = object;
    json!({
        "apiVersion": types.api_version,
        "kind": types.kind,
        "metadata": {
            "name": metadata.name,
            "namespace": metadata.namespace,
            "uid": metadata.uid,
            "generation": metadata.generation,
            "creationTimestamp": metadata.creation_timestamp,
            "labels": metadata.labels,
        },
        "spec": data["spec"],
        "specs": data["specs"],
    })
}
