//! NetworkPolicies, and policies of other kinds, which are discovered but not evaluated.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join_all, try_join_all};
use k8s_openapi::{
    api::networking::v1::NetworkPolicy,
    apimachinery::pkg::apis::meta::v1::{APIGroup, LabelSelector, ObjectMeta},
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    core::{GroupVersion, TypeMeta},
    discovery::{Scope as ApiScope, pinned_group},
};
use serde_json::{Value, json};

use super::{list, unreadable};
use crate::case::{
    cluster::{Access, Direction, OtherPolicy, Policy, Read, Requirement, Selector},
    policy::{self, kinds},
};

/// The other kinds of policies that this cluster has.
#[derive(Clone, Debug)]
pub(crate) struct OtherKinds(Read<Vec<(ApiResource, ApiScope)>>);

/// A policy with its version, which differs for another policy of the same name and after a change.
#[derive(Clone, Debug)]
pub(super) struct Standing<T> {
    version: String,
    pub(super) policy: T,
}

/// The current policies of a namespace, and others that may bind its pods.
#[derive(Clone, Debug)]
pub(super) struct Policies {
    pub(super) own: Read<Vec<Standing<Policy>>>,
    pub(super) others: Read<Vec<Standing<OtherPolicy>>>,
}

impl<T> Standing<T> {
    fn of(metadata: &ObjectMeta, policy: T) -> Self {
        let uid = metadata.uid.clone().unwrap_or_default();
        Self { version: format!("{uid}/{}", metadata.generation.unwrap_or_default()), policy }
    }
}

impl Policies {
    /// Returns the version of each policy, by the policy's title.
    pub(super) fn standing(&self) -> Read<BTreeMap<String, String>> {
        let own = self.own.as_ref().map_err(Clone::clone)?.iter();
        let own = own.map(|it| (format!("NetworkPolicy {}", it.policy.name), it.version.clone()));
        let others = self.others.as_ref().map_err(Clone::clone)?.iter();
        Ok(own.chain(others.map(|it| (it.policy.title.clone(), it.version.clone()))).collect())
    }
}

/// Reads the policies of a namespace and those of the whole cluster.
pub(super) async fn read(client: &Client, kinds: &OtherKinds, namespace: &str) -> Policies {
    let (own, others) = tokio::join!(of_namespace(client, namespace), others(client, kinds, namespace));
    Policies { own, others }
}

async fn of_namespace(client: &Client, namespace: &str) -> Read<Vec<Standing<Policy>>> {
    let api = Api::<NetworkPolicy>::namespaced(client.clone(), namespace);
    let what = Access::list("networkpolicies").within(namespace);
    list(api, what, |api| Standing::of(&api.metadata.clone(), policy(api))).await
}

fn policy(api: NetworkPolicy) -> Policy {
    let spec = api.spec.unwrap_or_default();
    // Without types, a policy always binds ingress; it binds egress if it has egress rules
    // (NetworkPolicySpec.policyTypes).
    let binds = |kind: &str| match &spec.policy_types {
        Some(types) if !types.is_empty() => types.iter().any(|it| it == kind),
        _ => kind == "Ingress" || spec.egress.as_ref().is_some_and(|rules| !rules.is_empty()),
    };
    let direction = |kind: &str, rules: Option<usize>| match (binds(kind), rules) {
        (false, _) => Direction::Unbound,
        (true, None | Some(0)) => Direction::Denied,
        (true, Some(_)) => Direction::Allowed,
    };
    Policy {
        ingress: direction("Ingress", spec.ingress.as_ref().map(Vec::len)),
        egress: direction("Egress", spec.egress.as_ref().map(Vec::len)),
        name: api.metadata.name.unwrap_or_default(),
        selector: selector(spec.pod_selector.unwrap_or_default()),
    }
}

pub(super) fn selector(api: LabelSelector) -> Selector {
    let requirements = api.match_expressions.into_iter().flatten().map(|expression| Requirement {
        key: expression.key,
        operator: expression.operator,
        values: expression.values.unwrap_or_default(),
    });
    Selector { equals: api.match_labels.unwrap_or_default(), requirements: requirements.collect() }
}

/// Discovers the other kinds. Without one of their groups, none is known.
pub(super) async fn other_kinds(client: &Client) -> OtherKinds {
    let found = async {
        let groups = groups_of_policies(client).await?;
        let kinds = groups.iter().map(|group| discovered(client, group));
        Ok(try_join_all(kinds).await?.into_iter().flatten().collect())
    };
    OtherKinds(found.await)
}

/// Discovers the other kinds, those of each group by themselves. A group that cannot be read is named.
pub(super) async fn kinds_that_may_bind(client: &Client) -> Vec<OtherKinds> {
    match groups_of_policies(client).await {
        Ok(groups) => {
            let kinds = groups.iter().map(|group| discovered(client, group));
            join_all(kinds).await.into_iter().map(OtherKinds).collect()
        }
        Err(unreadable) => vec![OtherKinds(Err(unreadable))],
    }
}

/// Lists the API groups of this cluster that have policies.
async fn groups_of_policies(client: &Client) -> Read<Vec<APIGroup>> {
    let groups = client.list_api_groups().await.map_err(unreadable(Access::Path("/apis".to_owned())))?;
    Ok(groups.groups.into_iter().filter(|group| kinds::is_of_policies(&group.name)).collect())
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
        let discovered = pinned_group(client, &version).await.map_err(unreadable(Access::Path(path)));
        discovered.map(|group| group.recommended_resources())
    });
    let mut kinds = BTreeMap::new();
    for (resource, capabilities) in try_join_all(versions).await?.into_iter().flatten() {
        if kinds::may_bind(&group.name, &resource.kind) && !resource.plural.contains('/') {
            kinds.entry(resource.kind.clone()).or_insert((resource, capabilities.scope));
        }
    }
    Ok(kinds.into_values().collect())
}

/// Reads the objects of other kinds in the namespace and for the whole cluster, each kind by itself.
pub(super) async fn objects_of_others(
    client: &Client,
    kinds: &OtherKinds,
    namespace: &str,
) -> Vec<Read<Vec<DynamicObject>>> {
    let kinds = match &kinds.0 {
        Ok(kinds) => kinds,
        Err(unreadable) => return vec![Err(unreadable.clone())],
    };
    let lists = kinds.iter().map(|(resource, scope)| {
        let namespaced = *scope == ApiScope::Namespaced;
        objects(client, resource, namespaced.then_some(namespace))
    });
    join_all(lists).await
}

/// Reads the policies of other kinds in the namespace and for the whole cluster.
async fn others(client: &Client, kinds: &OtherKinds, namespace: &str) -> Read<Vec<Standing<OtherPolicy>>> {
    let kinds = kinds.0.as_ref().map_err(Clone::clone)?.iter();
    let lists = kinds.map(|(resource, scope)| {
        let namespaced = *scope == ApiScope::Namespaced;
        of_kind(client, resource, namespaced.then_some(namespace))
    });
    Ok(try_join_all(lists).await?.into_iter().flatten().collect())
}

async fn of_kind(
    client: &Client,
    resource: &ApiResource,
    namespace: Option<&str>,
) -> Read<Vec<Standing<OtherPolicy>>> {
    let objects = objects(client, resource, namespace).await?.into_iter().map(|object| {
        let title = format!("{} {}", resource.kind, object.metadata.name.clone().unwrap_or_default());
        let opens_egress = policy::opens_egress(&object.data);
        Standing::of(&object.metadata, OtherPolicy { title, opens_egress })
    });
    Ok(objects.collect())
}

/// Reads the objects of one kind, each with the kind's name.
pub(super) async fn objects(
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
    list(api, what, |object| DynamicObject { types: Some(of_kind.clone()), ..object }).await
}

/// Returns the parts of an object that say what it binds, and that tell it from another object of the same name.
pub(super) fn kept(object: &DynamicObject) -> Value {
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
        },
        "spec": data["spec"],
        "specs": data["specs"],
    })
}
