//! The workloads and policies of a namespace, read for `controller explain-policy`.

use kube::Client;

use super::{discovery, namespace, pod_views, policies};
use crate::{
    case::{
        cluster::{Access, Unreadable},
        policy::Reading,
    },
    run::RunError,
};

/// Reads the workloads of a namespace and the policies that may bind them. Without its pods there is
/// nothing to explain.
pub(crate) async fn read(client: &Client, name: &str) -> Result<Reading, RunError> {
    let labels = namespace(client, name).await?;
    let groups = discovery::groups(client).await;
    let ((endpoints, unread), policies) =
        tokio::join!(pod_views::endpoints(client, name, &groups, labels.as_ref().ok()), async {
            let kinds = policies::other_kinds(client, &groups).await;
            policies::read(client, &kinds, name, None).await.0
        });
    let pods = unread.iter().find(|unreadable| unreadable.what == Access::pods());
    if let Some(unreadable) = pods {
        return Err(RunError::Unexplained(unreadable.clone()));
    }
    Ok(Reading {
        namespace: name.to_owned(),
        endpoints,
        policies,
        unread: unread.iter().map(Unreadable::to_string).collect(),
    })
}
