//! The makers of workloads that came during a run. A new pod names the workload that made it, such as a ReplicaSet, and that workload
//! names its own maker, such as a Deployment.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
    batch::v1::{CronJob, Job},
    core::v1::ReplicationController,
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams},
    core::GroupVersion,
    discovery::Scope,
};

use super::{discovery, pages, workloads};
use crate::case::cluster::MadeBy;

/// The most kinds whose objects are read: any number of kinds may be named by those who create pods.
const MOST_KINDS: usize = 16;

/// The API version and the kind of a workload, as an owner reference has them.
pub(super) type Kind = (String, String);

/// Reads the workloads of these kinds, each with its maker. A kind that cannot be read has none: its workloads stay unknown.
pub(super) async fn read(client: &Client, namespace: &str, kinds: &BTreeSet<Kind>) -> MadeBy {
    let lists = kinds.iter().take(MOST_KINDS).map(|kind| of_kind(client, namespace, kind));
    join_all(lists).await.into_iter().flatten().flatten().collect()
}

async fn of_kind(client: &Client, namespace: &str, kind: &Kind) -> Option<MadeBy> {
    let resource = resource(client, kind).await?;
    let lower = resource.kind.to_lowercase();
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let params = ListParams::default();
    let made = pages::list_metadata(&api, &params, |metadata| {
        let made_by = workloads::maker(&metadata);
        ((lower.clone(), metadata.name.unwrap_or_default()), made_by)
    });
    Some(made.await.ok()?.into_iter().collect())
}

/// Returns the resource of a kind, for which the API server is asked if the kind is not of Kubernetes' own. The core group has no
/// other kind that makes pods: its `ConfigMaps` and Secrets are not read.
async fn resource(client: &Client, (version, kind): &Kind) -> Option<ApiResource> {
    let own = [
        ApiResource::erase::<CronJob>(&()),
        ApiResource::erase::<DaemonSet>(&()),
        ApiResource::erase::<Deployment>(&()),
        ApiResource::erase::<Job>(&()),
        ApiResource::erase::<ReplicaSet>(&()),
        ApiResource::erase::<ReplicationController>(&()),
        ApiResource::erase::<StatefulSet>(&()),
    ];
    if let Some(own) = own.into_iter().find(|own| own.api_version == *version && own.kind == *kind) {
        return Some(own);
    }
    let GroupVersion { group, version } = version.parse::<GroupVersion>().ok()?;
    if group.is_empty() {
        return None;
    }
    let served = discovery::asked(client, &group, &version).await.ok()?.into_iter();
    let mut namespaced = served.filter(|(_, capabilities)| capabilities.scope == Scope::Namespaced);
    namespaced.find(|(resource, _)| resource.kind == *kind).map(|(resource, _)| resource)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::run::cluster::answering::{client, list, status};

    fn owned(name: &str, kind: &str, owner: &str) -> Value {
        let owner =
            json!({ "apiVersion": "a/v1", "kind": kind, "name": owner, "uid": "u", "controller": true });
        json!({ "metadata": { "name": name, "ownerReferences": [owner] } })
    }

    fn kinds(of: &[(&str, &str)]) -> BTreeSet<Kind> {
        of.iter().map(|&(version, kind)| (version.to_owned(), kind.to_owned())).collect()
    }

    fn identity(kind: &str, name: &str) -> (String, String) {
        (kind.to_owned(), name.to_owned())
    }

    #[tokio::test]
    async fn the_workloads_of_each_kind_are_listed_once_with_their_makers() {
        let (client, log) = client(|_| {
            let alone = json!({ "metadata": { "name": "alone-1" } });
            list(&[owned("web-1", "Rollout", "web"), alone], None)
        });
        let made = read(&client, "shop", &kinds(&[("apps/v1", "ReplicaSet")])).await;
        let expected = [
            (identity("replicaset", "alone-1"), None),
            (identity("replicaset", "web-1"), Some(identity("rollout", "web"))),
        ];
        assert_eq!(made, expected.into());
        assert_eq!(log.requests().len(), 1, "{:?}", log.requests());
    }

    #[tokio::test]
    async fn the_resource_of_a_custom_kind_is_asked_for() {
        let (client, _) = client(|request| {
            if request.contains("/namespaces/shop/sandboxen") {
                return list(&[owned("agent-1", "Fleet", "agents")], None);
            }
            let sandbox = json!({
                "name": "sandboxen", "singularName": "", "namespaced": true, "kind": "Sandbox", "verbs": ["list"],
            });
            let resources = json!([sandbox]);
            (
                200,
                json!({ "kind": "APIResourceList", "groupVersion": "agents.x-k8s.io/v1", "resources": resources }),
            )
        });
        let made = read(&client, "shop", &kinds(&[("agents.x-k8s.io/v1", "Sandbox")])).await;
        let expected = [(identity("sandbox", "agent-1"), Some(identity("fleet", "agents")))];
        assert_eq!(made, expected.into());
    }

    #[tokio::test]
    async fn no_object_of_the_core_group_is_read() {
        let (client, log) = client(|_| list(&[], None));
        let made = read(&client, "shop", &kinds(&[("v1", "ConfigMap"), ("v1", "Secret")])).await;
        assert_eq!((made, log.requests()), (MadeBy::new(), Vec::new()));
    }

    #[tokio::test]
    async fn a_kind_that_may_not_be_read_has_no_workloads() {
        let (client, _) = client(|_| status(403, "Forbidden"));
        assert_eq!(read(&client, "shop", &kinds(&[("batch/v1", "Job")])).await, MadeBy::new());
    }
}
