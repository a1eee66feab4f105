//! Deletion of many pods by one request. Anybody may give a pod the run's label, so a request by label alone could meet a pod of
//! somebody else. The request therefore names the version of the last event that the run's watch has shown: the API server then
//! deletes the pods that existed at that version (apiserver, `pkg/registry/generic/registry/store.go`, `DeleteCollection`, which
//! lists by the options of the request), and the watch has shown each of them to be the run's own.

use http::{Request, header::CONTENT_TYPE};
use k8s_openapi::api::core::v1::Pod;
use kube::{Client, Resource, api::DeleteParams};
use tokio::time::Instant;

use super::again;
use crate::run::cluster::connect::refusal;

/// Deletes the pods with these labels, as far as they existed at this version. Returns the reason if it failed.
pub(super) async fn delete(
    client: &Client,
    namespace: &str,
    labels: &[(&str, &str)],
    version: &str,
    deadline: Instant,
) -> Option<String> {
    let uri = uri(namespace, labels, version);
    let body = serde_json::to_vec(&DeleteParams::background()).unwrap_or_default();
    let ask = || async {
        let request = Request::delete(&uri).header(CONTENT_TYPE, "application/json").body(body.clone());
        let request = request.map_err(kube::Error::HttpError)?;
        let answer = client.send(request.map(Into::into)).await?;
        if answer.status().is_success() {
            // The answer has all pods whole, and nobody reads them.
            return Ok(());
        }
        let code = answer.status();
        let text =
            answer.into_body().collect_bytes().await.map_err(|why| kube::Error::Service(why.into()))?;
        Err(kube::Error::Api(refusal::status(code, &text).boxed()))
    };
    match again::retry_until(deadline, ask).await {
        Ok(()) => None,
        Err(kube::Error::Api(status)) => Some(status.message.clone()),
        Err(error) => Some(error.to_string()),
    }
}

/// Returns the address of the pods; labels and versions have no other characters that a query would change.
fn uri(namespace: &str, labels: &[(&str, &str)], version: &str) -> String {
    let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}%3D{value}")).collect();
    format!(
        "{}?labelSelector={}&resourceVersion={version}&resourceVersionMatch=Exact",
        Pod::url_path(&(), Some(namespace)),
        labels.join("%2C")
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::run::cluster::answering::{client, status};

    async fn asked(answer: fn(&str) -> (u16, Value)) -> (Option<String>, Vec<String>) {
        let (client, log) = client(answer);
        let labels = [("podproof.dev/run", "podproof-0a1b2c3d"), ("podproof.dev/batch", "3")];
        let deadline = Instant::now() + Duration::from_secs(9);
        (delete(&client, "shop", &labels, "71", deadline).await, log.requests())
    }

    #[tokio::test]
    async fn pods_are_deleted_as_they_were_at_a_version() {
        let (why, requests) = asked(|_| (200, json!({ "kind": "PodList", "items": [] }))).await;
        assert_eq!(why, None);
        let uri = "/api/v1/namespaces/shop/pods?labelSelector=podproof.dev/run%3Dpodproof-0a1b2c3d%2C\
                   podproof.dev/batch%3D3&resourceVersion=71&resourceVersionMatch=Exact";
        assert_eq!(requests, [format!("DELETE {uri}")]);
    }

    #[tokio::test]
    async fn a_refusal_is_told_at_once() {
        let (why, requests) = asked(|_| status(403, "Forbidden")).await;
        assert_eq!((why.as_deref(), requests.len()), (Some("Forbidden"), 1));
    }
}
