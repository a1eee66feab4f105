//! NetworkPolicies, and policies of other kinds, which are discovered.

use std::collections::BTreeMap;

use futures_util::future::{join_all, try_join_all};
use k8s_openapi::{api::networking::v1::NetworkPolicy, apimachinery::pkg::apis::meta::v1::LabelSelector};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    core::TypeMeta,
    discovery::Scope as ApiScope,
};
use serde_json::{Value, json};

use super::{
    discovery::{self, ApiGroup},
    list_if_served, unreadable,
};
use crate::{
    case::{
        cluster::{Access, Read, Requirement, Selector, Unreadable, Verb},
        policy::{Opaque, Policies, Unread, kinds},
    },
    run::cluster::{
        permission::{Permission, TIERS},
        review,
    },
};

/// The kind of Calico's tiers, of which each cluster has one at least.
const TIER: &str = "Tier";

/// The permissions by which Calico's API server shows a tier (Calico,
/// `apiserver/pkg/registry/projectcalico/authorizer/authorizer.go`). The permission to list all kinds of its group grants the latter two.
const OF_TIERS: [(Verb, &str); 3] = [
    (Verb::Get, TIERS.resource),
    (Verb::List, "tier.networkpolicies"),
    (Verb::List, "tier.globalnetworkpolicies"),
];

/// The kinds of policies besides NetworkPolicy that this cluster has.
#[derive(Clone, Debug, Default)]
pub(crate) struct OtherKinds {
    /// The kinds by API group.
    groups: Vec<Read<Vec<(ApiResource, ApiScope)>>>,
    /// The missing permission for the objects of some kinds, which their lists leave out without a word.
    hidden: Option<Unreadable>,
}

impl OtherKinds {
    /// Returns true if every group was discovered.
    pub(in crate::run::cluster) fn is_whole(&self) -> bool {
        !self.groups.is_empty() && self.groups.iter().all(Result::is_ok)
    }

    /// Returns each kind, with true if its objects count in their own namespace alone. A group that was not discovered has none.
    pub(in crate::run::cluster) fn watched(&self) -> impl Iterator<Item = (&ApiResource, bool)> {
        self.groups.iter().flatten().flatten().map(|(resource, scope)| {
            let completes = kinds::completes(&resource.group, &resource.kind);
            (resource, *scope == ApiScope::Namespaced && !completes)
        })
    }
}

/// The objects of one kind, or the failed read of it.
type Listed = (Unread, Read<Vec<Value>>);

/// Reads the policies of a namespace and of the control namespace, each with those of the whole cluster, which are listed once for
/// both. A failed read is a policy that is not evaluated.
pub(super) async fn read(
    client: &Client,
    kinds: &OtherKinds,
    namespace: &str,
    control: Option<&str>,
) -> (Policies, Option<Policies>) {
    let (of_cluster, own, of_control) = tokio::join!(
        objects_of_others(client, kinds, None),
        objects_of_all(client, kinds, namespace),
        async { Some(objects_of_all(client, kinds, control?).await) }
    );
    let together = |listed: Vec<Listed>| evaluated(listed.into_iter().chain(of_cluster.clone()));
    (together(own), of_control.map(together))
}

fn evaluated(listed: impl Iterator<Item = Listed>) -> Policies {
    let mut read = Vec::new();
    let mut failed = Vec::new();
    for (what, objects) in listed {
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
            format!(
                "{}/{}{}{}",
                part("/metadata/uid"),
                part("/metadata/generation"),
                part("/items"),
                // The status has no generation.
                part("/status")
            ),
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

/// Discovers the other kinds, those of each group by themselves. A group that cannot be read, or not as a whole, is named.
pub(super) async fn other_kinds(client: &Client, groups: &Read<Vec<ApiGroup>>) -> OtherKinds {
    let groups = match groups {
        Ok(groups) => groups,
        Err(unread) => return OtherKinds { groups: vec![Err(unread.clone())], hidden: None },
    };
    let of_policies = groups.iter().filter(|group| kinds::is_of_policies(&group.name));
    let of_policies = of_policies.map(|group| discovered(client, group));
    let (mut known, hidden) = tokio::join!(join_all(of_policies), hidden_tiers(client, groups));
    known.push(Ok(suspects(groups)));
    OtherKinds { groups: known, hidden }
}

/// Returns a missing permission for the policies of every tier; `None` if all are granted, or if Calico serves no policies.
async fn hidden_tiers(client: &Client, groups: &[ApiGroup]) -> Option<Unreadable> {
    groups.iter().find(|group| group.name == TIERS.group)?;
    let asked = OF_TIERS.map(|(verb, resource)| async move {
        let name = format!("{resource}.{}", TIERS.group);
        let what = Access::Resource { verb, resource: name, namespace: None };
        match review::is_granted(client, &Permission { resource, ..TIERS }, &verb.to_string(), None).await {
            Ok(true) => None,
            Ok(false) => Some(Unreadable { what, forbidden: true, message: String::new() }),
            Err(error) => Some(unreadable(what)(error)),
        }
    });
    join_all(asked).await.into_iter().flatten().next()
}

/// Returns kinds of other groups that look like policies by their names. An API server before Kubernetes 1.27 does not
/// tell all kinds at once, and shows none of them.
fn suspects(groups: &[ApiGroup]) -> Vec<(ApiResource, ApiScope)> {
    let mut found = BTreeMap::new();
    for (resource, capabilities) in groups.iter().flat_map(|it| &it.versions).flat_map(|it| &it.kinds) {
        if kinds::is_suspect(&resource.group, &resource.kind) {
            let key = (resource.group.clone(), resource.kind.clone());
            found.entry(key).or_insert_with(|| (resource.clone(), capabilities.scope.clone()));
        }
    }
    found.into_values().collect()
}

/// Discovers the kinds of a group that may open or close a pod's traffic, in every version: a kind may exist in a single
/// version only.
async fn discovered(client: &Client, group: &ApiGroup) -> Read<Vec<(ApiResource, ApiScope)>> {
    let versions = group.versions.iter().map(|version| discovery::kinds(client, &group.name, version));
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

/// Reads the objects of every kind in a namespace.
async fn objects_of_all(client: &Client, kinds: &OtherKinds, namespace: &str) -> Vec<Listed> {
    let own = ApiResource::erase::<NetworkPolicy>(&());
    let (own, others) = tokio::join!(
        objects(client, &own, Some(namespace)),
        objects_of_others(client, kinds, Some(namespace))
    );
    let own = own.map(|own| own.iter().map(kept).collect());
    std::iter::once((Unread::NetworkPolicies, own)).chain(others).collect()
}

/// Reads the objects of other kinds, each kind by itself: those of a namespace, or those that count for the whole cluster.
async fn objects_of_others(client: &Client, kinds: &OtherKinds, namespace: Option<&str>) -> Vec<Listed> {
    let of_namespaces = |(resource, scope): &&(ApiResource, ApiScope)| {
        *scope == ApiScope::Namespaced && !kinds::completes(&resource.group, &resource.kind)
    };
    let these = kinds.groups.iter().flatten().flatten().filter(|it| of_namespaces(it) == namespace.is_some());
    let lists = these.map(|(resource, _)| async move {
        let completes = kinds::completes(&resource.group, &resource.kind);
        let objects = match objects(client, resource, namespace).await {
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
    // A group that was not discovered counts for the whole cluster.
    let failed = kinds.groups.iter().filter_map(|kinds| kinds.as_ref().err()).chain(&kinds.hidden);
    let failed = failed.filter(|_| namespace.is_none());
    let failed = failed.map(|unread| Err(unread.clone()));
    join_all(lists).await.into_iter().chain(failed).map(|listed| (Unread::Others, listed)).collect()
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

/// Returns the parts of an object that say what it binds, and that tell it from another object of the same name. Conditions say if
/// a policy is in force; the times in them say nothing.
fn kept(object: &DynamicObject) -> Value {
    let types = object.types.clone().unwrap_or_default();
    let DynamicObject { metadata, data, .. } = object;
    let conditions = data.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let conditions: Vec<_> =
        conditions.map(|it| json!({ "type": it["type"], "status": it["status"] })).collect();
    let mut kept = json!({
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
    });
    if let (false, Some(kept)) = (conditions.is_empty(), kept.as_object_mut()) {
        kept.insert("status".to_owned(), json!({ "conditions": conditions }));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cilium(conditions: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumNetworkPolicy",
            "metadata": { "name": "deny", "namespace": "shop", "uid": "1", "generation": 1 },
            "spec": { "endpointSelector": {}, "egressDeny": [{ "toCIDR": ["10.0.0.0/8"] }] },
            "status": { "conditions": conditions },
        }))
        .unwrap()
    }

    fn valid(status: &str, time: &str) -> DynamicObject {
        cilium(&json!([{ "type": "Valid", "status": status, "lastTransitionTime": time }]))
    }

    fn read(object: &DynamicObject) -> Policies {
        Policies::of(vec![kept(object)], Vec::new())
    }

    #[test]
    fn a_policy_that_cilium_refused_is_not_evaluated() {
        let pods = read(&valid("False", "2026-01-01T00:00:00Z")).read.remove(0).subject.pods;
        assert!(pods.unwrap_err().contains("Cilium refuses it"));
    }

    #[test]
    fn a_policy_that_cilium_accepted_is_evaluated() {
        assert!(read(&valid("True", "2026-01-01T00:00:00Z")).read.remove(0).subject.pods.is_ok());
    }

    #[test]
    fn a_policy_that_is_refused_later_has_another_version() {
        let [accepted, refused] =
            ["True", "False"].map(|status| versions(&read(&valid(status, "2026-01-01T00:00:00Z"))));
        assert_ne!(accepted, refused);
    }

    #[test]
    fn the_time_of_a_condition_is_no_change() {
        let [early, late] = ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"]
            .map(|time| versions(&read(&valid("True", time))));
        assert_eq!(early, late);
    }
}
