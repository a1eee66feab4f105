//! The workloads and policies of a namespace, read for `controller explain-policy`.

use futures_util::future::join_all;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{
    Client,
    api::{ApiResource, DynamicObject},
};
use serde_json::Value;

use super::{namespace, pod_views, policies};
use crate::{
    case::{
        cluster::{Access, Read, Unreadable},
        policy::{Gap, Policies, Reading, network_policy},
    },
    run::RunError,
};

/// Reads the workloads of a namespace and the policies that may bind them. Without its pods or its NetworkPolicies there
/// is nothing to explain.
pub(crate) async fn read(client: &Client, name: &str) -> Result<Reading, RunError> {
    let labels = namespace(client, name).await?;
    let own = ApiResource::erase::<NetworkPolicy>(&());
    let ((endpoints, unread), own, others) = tokio::join!(
        pod_views::endpoints(client, name, labels.as_ref().ok()),
        policies::objects(client, &own, Some(name)),
        async {
            let groups = policies::kinds_that_may_bind(client).await;
            let groups = groups.iter().map(|kinds| policies::objects_of_others(client, kinds, name));
            join_all(groups).await.into_iter().flatten().collect::<Vec<_>>()
        },
    );
    let pods = unread.iter().find(|unreadable| unreadable.what == Access::pods());
    if let Some(unreadable) = pods {
        return Err(RunError::Unexplained(unreadable.clone()));
    }
    let own = own.map_err(RunError::Unexplained)?;
    Ok(Reading {
        namespace: name.to_owned(),
        endpoints,
        policies: Policies {
            read: own.iter().map(|object| network_policy::read(&value(object))).collect(),
            opaque: others.into_iter().flat_map(opaque).collect(),
        },
        unread: unread.iter().map(Unreadable::to_string).collect(),
    })
}

/// Returns the object as the API server wrote it.
fn value(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

/// Returns a gap for each policy of a kind that the model does not evaluate, or for the failed read of the kind.
fn opaque(read: Read<Vec<DynamicObject>>) -> Vec<Gap> {
    match read {
        Ok(objects) => objects.iter().map(not_evaluated).collect(),
        Err(unreadable) => {
            vec![Gap { place: "policies of another kind".to_owned(), why: unreadable.to_string() }]
        }
    }
}

fn not_evaluated(object: &DynamicObject) -> Gap {
    let kind = object.types.as_ref().map(|types| types.kind.as_str()).unwrap_or_default();
    let name = object.metadata.name.as_deref().unwrap_or_default();
    Gap { place: format!("{kind} {name}"), why: "policies of this kind are not evaluated".to_owned() }
}
