//! The workloads and policies of a namespace, read for `controller explain-policy`.

use futures_util::future::join_all;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{Client, api::ApiResource};

use super::{namespace, pod_views, policies};
use crate::{
    case::{
        cluster::{Access, Unreadable},
        policy::{Opaque, Policies, Reading},
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
    let mut objects: Vec<_> = own.iter().map(policies::kept).collect();
    let mut failed = Vec::new();
    for read in others {
        match read {
            Ok(others) => objects.extend(others.iter().map(policies::kept)),
            Err(unreadable) => {
                failed.push(Opaque::unread("policies of another kind", unreadable.to_string()));
            }
        }
    }
    Ok(Reading {
        namespace: name.to_owned(),
        endpoints,
        policies: Policies::of(objects, failed),
        unread: unread.iter().map(Unreadable::to_string).collect(),
    })
}
