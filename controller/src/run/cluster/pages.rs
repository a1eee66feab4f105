//! Lists in pages. An object is converted as it comes and then dropped, so that a list of any length costs as much memory as one
//! page and its results.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api,
    api::{ListParams, ObjectList, PartialObjectMeta},
};
use serde::de::DeserializeOwned;

/// The number of objects in a page. A pod of the API server takes some 100 KB of memory.
const PAGE: u32 = 125;
/// The most attempts at a list whose continuation expires (HTTP 410): the API server keeps a snapshot for some minutes.
const ATTEMPTS: usize = 3;

/// Lists all objects of a kind and converts each.
pub(super) async fn list<K, T>(
    api: &Api<K>,
    params: &ListParams,
    convert: impl FnMut(K) -> T,
) -> kube::Result<Vec<T>>
where
    K: Clone + DeserializeOwned + Debug,
{
    all(params, async |params| api.list(&params).await, convert).await
}

/// Lists the metadata of all objects of a kind and converts each.
pub(super) async fn list_metadata<K, T>(
    api: &Api<K>,
    params: &ListParams,
    mut convert: impl FnMut(ObjectMeta) -> T,
) -> kube::Result<Vec<T>>
where
    K: Clone + DeserializeOwned + Debug,
{
    let page = async |params| api.list_metadata(&params).await;
    all(params, page, |object: PartialObjectMeta<K>| convert(object.metadata)).await
}

async fn all<K: Clone, T>(
    params: &ListParams,
    page: impl AsyncFn(ListParams) -> kube::Result<ObjectList<K>>,
    mut convert: impl FnMut(K) -> T,
) -> kube::Result<Vec<T>> {
    let first = params.clone().limit(PAGE);
    let (mut found, mut next, mut attempts) = (Vec::new(), first.clone(), 0);
    loop {
        let answer = page(next).await;
        let list = match answer {
            Err(kube::Error::Api(status))
                if status.code == 410 && !found.is_empty() && attempts < ATTEMPTS =>
            {
                // The pages so far are of a snapshot that is gone.
                attempts += 1;
                found.clear();
                next = first.clone();
                continue;
            }
            answer => answer?,
        };
        found.extend(list.items.into_iter().map(&mut convert));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => next = first.clone().continue_token(&token),
            None => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use k8s_openapi::api::core::v1::Pod;
    use serde_json::{Value, json};

    use super::*;
    use crate::run::cluster::answering::{client, list as page, status};

    fn pod(name: &str) -> Value {
        json!({ "metadata": { "name": name }, "spec": { "containers": [] } })
    }

    async fn names(
        answer: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static,
    ) -> (kube::Result<Vec<String>>, usize) {
        let (client, log) = client(answer);
        let pods = Api::<Pod>::namespaced(client, "shop");
        let names = list(&pods, &ListParams::default(), |pod| pod.metadata.name.unwrap_or_default()).await;
        (names, log.requests().len())
    }

    #[tokio::test]
    async fn every_page_is_read() {
        let (names, requests) = names(|request| match request.split_once("continue=") {
            None => page(&[pod("a"), pod("b")], Some("second")),
            Some((_, "second")) => page(&[pod("c")], None),
            Some((_, other)) => status(400, other),
        })
        .await;
        assert_eq!(names.unwrap(), ["a", "b", "c"]);
        assert_eq!(requests, 2);
    }

    #[tokio::test]
    async fn a_list_whose_snapshot_expires_is_read_from_the_start() {
        let expired = AtomicUsize::new(0);
        let (names, requests) = names(move |request| {
            if !request.contains("continue=") {
                return page(&[pod("a")], Some("second"));
            }
            match expired.fetch_add(1, Ordering::Relaxed) {
                0 => status(410, "Expired"),
                _ => page(&[pod("b")], None),
            }
        })
        .await;
        assert_eq!(names.unwrap(), ["a", "b"]);
        assert_eq!(requests, 4);
    }

    #[tokio::test]
    async fn a_list_that_expires_again_and_again_is_an_error() {
        let (names, requests) = names(|request| {
            if request.contains("continue=") {
                status(410, "Expired")
            } else {
                page(&[pod("a")], Some("second"))
            }
        })
        .await;
        assert!(names.is_err());
        assert_eq!(requests, 2 * (ATTEMPTS + 1));
    }
}
