//! The memory that running pods may still take, by the statistics of their nodes' kubelets. A visit takes some of it, and the kernel
//! ends a pod that needs more than its limit. gVisor's sandbox, its containers and their gofers share the pod's control group, whose
//! numbers the kubelet alone tells: the metrics API has those of the containers, which are empty.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use kube::Client;
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout};

use crate::case::cluster::{PodView, Running, Shared, Unfit};

/// The memory that a visit may take. With runsc of 2026, the visit of a pod took up to 10 MiB at once; a pod with 6 MiB was killed.
const VISIT: u64 = 24 << 20;
/// Kubelets that are asked at once, and the time for the answers of all.
const AT_ONCE: usize = 16;
const PATIENCE: Duration = Duration::from_secs(5);
/// Time for the statistics of new pods, and between two questions.
const WAIT: Duration = Duration::from_secs(20);
const AGAIN: Duration = Duration::from_secs(1);

/// The part of a kubelet's statistics that is read (kubernetes, `staging/src/k8s.io/kubelet/pkg/apis/stats/v1alpha1/types.go`).
#[derive(Debug, Deserialize)]
struct Summary {
    #[serde(default)]
    pods: Vec<PodStats>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodStats {
    pod_ref: PodRef,
    memory: Option<MemoryStats>,
}

#[derive(Debug, Deserialize)]
struct PodRef {
    name: String,
    namespace: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MemoryStats {
    /// The bytes below the limit; `None` without a limit.
    available_bytes: Option<u64>,
}

/// Marks the pods that have too little memory left for a visit, and those of which it is not known. Returns the reason if the memory
/// of a pod is not known. A kubelet that has no statistics of a new pod yet is asked again.
pub(crate) async fn mark(
    client: &Client,
    namespace: &str,
    pods: &[Shared<PodView>],
    running: &mut BTreeMap<String, Running>,
) -> Option<String> {
    let until = Instant::now() + WAIT;
    loop {
        let limited = limited(pods, running);
        let told = timeout(PATIENCE, summaries(client, &limited)).await;
        let told = told.unwrap_or_else(|_| Err("a kubelet did not answer in time".to_owned()));
        let (told, failed) = told.map_or_else(|why| (Vec::new(), Some(why)), |told| (told, None));
        let noted: BTreeSet<_> = told.iter().flat_map(|summary| note(namespace, summary, running)).collect();
        let missing: Vec<_> = limited.keys().filter(|pod| !noted.contains(*pod)).collect();
        let first = missing.first()?;
        if failed.is_some() || Instant::now() >= until {
            let why = failed.unwrap_or_else(|| format!("the kubelet has no statistics of pod/{first} yet"));
            for pod in missing {
                running.entry(pod.clone()).or_default().unmeasured = Some(why.clone());
            }
            return Some(why);
        }
        sleep(AGAIN).await;
    }
}

/// Returns the pods that a visit could bring to a limit of their memory, each with its node.
fn limited(pods: &[Shared<PodView>], running: &BTreeMap<String, Running>) -> BTreeMap<String, String> {
    let is_limited = |pod: &PodView| {
        pod.limits.memory.is_some() || pod.containers.iter().any(|container| container.memory.is_some())
    };
    let of = |pod: &Shared<PodView>| Some((pod.origin.pod.clone()?, pod.node.clone()?));
    let limited = pods.iter().filter(|pod| is_limited(pod)).filter_map(of);
    limited.filter(|(pod, _)| running.get(pod).is_some_and(|state| state.unfit.is_none())).collect()
}

/// Asks the kubelets of these pods.
async fn summaries(client: &Client, pods: &BTreeMap<String, String>) -> Result<Vec<Summary>, String> {
    let mut nodes = pods.values().map(String::as_str).collect::<BTreeSet<_>>().into_iter();
    let Some(first) = nodes.next() else { return Ok(Vec::new()) };
    // Without the permission, no other kubelet answers either.
    let mut told = vec![summary(client, first).await?];
    let mut others = stream::iter(nodes).map(|node| summary(client, node)).buffer_unordered(AT_ONCE);
    while let Some(other) = others.next().await {
        told.push(other?);
    }
    Ok(told)
}

/// Asks a node's kubelet through the API server.
async fn summary(client: &Client, node: &str) -> Result<Summary, String> {
    let path = format!("/api/v1/nodes/{node}/proxy/stats/summary?only_cpu_and_memory=true");
    let request = http::Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
    client.request(request).await.map_err(|error| match error {
        kube::Error::Api(status) => status.message.clone(),
        error => error.to_string(),
    })
}

/// Marks the pods that have too little memory left. Returns the names of the pods whose memory the kubelet tells.
fn note(namespace: &str, summary: &Summary, running: &mut BTreeMap<String, Running>) -> Vec<String> {
    let mut noted = Vec::new();
    for PodStats { pod_ref, memory } in summary.pods.iter().filter(|pod| pod.pod_ref.namespace == namespace) {
        let (Some(memory), Some(state)) = (memory, running.get_mut(&pod_ref.name)) else { continue };
        if let Some(left) = memory.available_bytes.filter(|left| *left < VISIT) {
            state.unfit = state.unfit.take().or(Some(Unfit::Full { left, visit: VISIT }));
        }
        noted.push(pod_ref.name.clone());
    }
    noted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture;

    fn unfit(namespace: &str, memory: &serde_json::Value) -> Option<Unfit> {
        let pod =
            json!({ "podRef": { "name": "web", "namespace": namespace, "uid": "1" }, "memory": memory });
        let summary = serde_json::from_value(json!({ "node": {}, "pods": [pod] })).unwrap();
        let mut running = BTreeMap::from([("web".to_owned(), Running::default())]);
        let noted = note("shop", &summary, &mut running);
        assert_eq!(noted.is_empty(), namespace != "shop" || memory.is_null());
        running["web"].unfit.clone()
    }

    #[test]
    fn a_pod_with_little_memory_left_is_unfit() {
        let expected = Some(Unfit::Full { left: 6 << 20, visit: VISIT });
        assert_eq!(unfit("shop", &json!({ "availableBytes": 6 << 20, "usageBytes": 1 })), expected);
    }

    #[test]
    fn a_pod_that_no_limit_binds_needs_no_statistics() {
        let case = fixture::pod();
        let views = case.pod_views();
        let running = BTreeMap::from([("web-1".to_owned(), Running::default())]);
        let with = |memory: Option<u64>, of_pod: Option<u64>| {
            let mut view = (*views[0]).clone();
            view.origin.pod = Some("web-1".into());
            view.node = Some("one".into());
            view.limits.memory = of_pod;
            for container in view.containers.iter_mut() {
                container.memory = memory;
            }
            limited(&[view.into()], &running).len()
        };
        assert_eq!([with(None, None), with(Some(1), None), with(None, Some(1))], [0, 1, 1]);
    }

    #[test]
    fn a_pod_with_room_without_a_limit_or_of_another_namespace_is_fit() {
        assert_eq!(unfit("shop", &json!({ "availableBytes": 24 << 20 })), None);
        assert_eq!(unfit("shop", &json!({ "usageBytes": 1 })), None);
        assert_eq!(unfit("shop", &json!(null)), None);
        assert_eq!(unfit("other", &json!({ "availableBytes": 1 })), None);
    }
}
