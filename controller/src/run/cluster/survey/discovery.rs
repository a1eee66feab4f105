//! The groups of the cluster's API, with the kinds of each version. An API server tells all of them at once since Kubernetes 1.27
//! (kubernetes.io, "The Kubernetes API", "Aggregated discovery").

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroup;
use kube::{
    Client,
    api::ApiResource,
    core::{
        GroupVersion,
        discovery::v2::{APIGroupDiscovery, APIResourceDiscovery, APIVersionDiscovery},
    },
    discovery::{ApiCapabilities, Scope, pinned_group},
};

use super::{is_gone, unreadable};
use crate::case::cluster::{Access, Read};

/// The mark of a version whose kinds the API server could not ask for, as with an extension server that is down.
const STALE: &str = "Stale";

/// A kind, and what can be done with its objects.
pub(super) type Kind = (ApiResource, ApiCapabilities);

/// A group of the API, other than the core group.
#[derive(Clone, Debug)]
pub(super) struct ApiGroup {
    pub(super) name: String,
    /// The versions, the preferred one first.
    pub(super) versions: Vec<ApiVersion>,
}

/// A version of a group.
#[derive(Clone, Debug)]
pub(super) struct ApiVersion {
    pub(super) name: String,
    /// The kinds that the API server told with the groups.
    pub(super) kinds: Vec<Kind>,
    /// True if these are the kinds of now.
    current: bool,
}

#[cfg(test)]
impl ApiVersion {
    /// Returns a version whose kinds were not told.
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), kinds: Vec::new(), current: false }
    }
}

/// Lists the groups.
pub(super) async fn groups(client: &Client) -> Read<Vec<ApiGroup>> {
    // An older server refuses the form, or answers in another one.
    if let Ok(told) = client.list_api_groups_aggregated().await
        && !told.items.is_empty()
    {
        return Ok(told.items.into_iter().map(with_kinds).collect());
    }
    let groups = client.list_api_groups().await.map_err(unreadable(Access::Path("/apis".to_owned())))?;
    Ok(groups.groups.into_iter().map(without_kinds).collect())
}

/// Returns the kinds of a version; none if somebody has removed the version since. Asks the API server if it has not told
/// them with the groups.
pub(super) async fn kinds(client: &Client, group: &str, version: &ApiVersion) -> Read<Vec<Kind>> {
    if version.current {
        return Ok(version.kinds.clone());
    }
    asked(client, group, &version.name).await
}

/// Asks the API server for the kinds of a version.
pub(super) async fn asked(client: &Client, group: &str, version: &str) -> Read<Vec<Kind>> {
    match pinned_group(client, &GroupVersion::gv(group, version)).await {
        Ok(found) => Ok(found.recommended_resources()),
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        Err(error) => Err(unreadable(Access::Path(format!("/apis/{group}/{version}")))(error)),
    }
}

fn with_kinds(group: APIGroupDiscovery) -> ApiGroup {
    let name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
    let versions = group.versions.into_iter().map(|version| told(&name, version)).collect();
    ApiGroup { name, versions }
}

fn told(group: &str, api: APIVersionDiscovery) -> ApiVersion {
    let name = api.version.unwrap_or_default();
    let version = GroupVersion::gv(group, &name);
    ApiVersion {
        current: api.freshness.as_deref() != Some(STALE),
        kinds: api.resources.into_iter().map(|resource| kind(&version, resource)).collect(),
        name,
    }
}

fn kind(version: &GroupVersion, api: APIResourceDiscovery) -> Kind {
    let kind = api.response_kind.and_then(|kind| kind.kind).unwrap_or_default();
    let plural = api.resource.unwrap_or_default();
    let resource = ApiResource::from_gvk_with_plural(&version.clone().with_kind(&kind), &plural);
    let scope = if api.scope.as_deref() == Some("Namespaced") { Scope::Namespaced } else { Scope::Cluster };
    (resource, ApiCapabilities { scope, subresources: Vec::new(), operations: api.verbs })
}

fn without_kinds(group: APIGroup) -> ApiGroup {
    let mut seen = BTreeSet::new();
    let versions = group.preferred_version.into_iter().chain(group.versions).map(|version| version.version);
    let versions = versions.filter(|version| seen.insert(version.clone()));
    let versions = versions.map(|name| ApiVersion { name, kinds: Vec::new(), current: false });
    ApiGroup { name: group.name, versions: versions.collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn version(freshness: &str) -> ApiVersion {
        let resource = json!({
            "resource": "ciliumnetworkpolicies",
            "responseKind": { "group": "", "version": "", "kind": "CiliumNetworkPolicy" },
            "scope": "Namespaced",
            "verbs": ["list"],
        });
        let version = json!({ "version": "v2", "freshness": freshness, "resources": [resource] });
        let group = json!({ "metadata": { "name": "cilium.io" }, "versions": [version] });
        with_kinds(serde_json::from_value(group).unwrap()).versions.remove(0)
    }

    #[test]
    fn a_kind_that_is_told_with_the_groups_has_its_place() {
        let version = version("Current");
        let (resource, capabilities) = &version.kinds[0];
        assert_eq!((resource.api_version.as_str(), &*resource.kind), ("cilium.io/v2", "CiliumNetworkPolicy"));
        assert_eq!(
            (resource.plural.as_str(), &capabilities.scope),
            ("ciliumnetworkpolicies", &Scope::Namespaced)
        );
        assert!(version.current);
    }

    #[test]
    fn the_kinds_of_an_extension_server_that_is_down_are_asked_for() {
        assert!(!version(STALE).current);
    }

    #[test]
    fn a_group_of_an_older_server_has_its_preferred_version_first_and_each_version_once() {
        let version = |name: &str| json!({ "groupVersion": format!("a/{name}"), "version": name });
        let group = json!({ "name": "a", "versions": [version("v1beta1"), version("v1")], "preferredVersion": version("v1") });
        let group = without_kinds(serde_json::from_value(group).unwrap());
        let names: Vec<_> = group.versions.iter().map(|version| version.name.as_str()).collect();
        assert_eq!(names, ["v1", "v1beta1"]);
        assert!(group.versions.iter().all(|version| !version.current));
    }
}
