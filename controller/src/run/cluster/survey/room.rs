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
use tokio::time::timeout;

use crate::case::cluster::{PodView, Running, Shared, Unfit};

/// The memory that a visit may take. With runsc of 2026, the visit of a pod took up to 10 MiB at once; a pod with 6 MiB was killed.
const VISIT: u64 = 24 << 20;
/// Kubelets that are asked at once, and the time for all of them.
const AT_ONCE: usize = 16;
const PATIENCE: Duration = Duration::from_secs(5);

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

/// Marks the pods that have too little memory left for a visit. Returns the reason if the memory of a pod is not known.
pub(crate) async fn mark(
    client: &Client,
    namespace: &str,
    pods: &[Shared<PodView>],
    running: &mut BTreeMap<String, Running>,
) -> Option<String> {
    let fit = |pod: &&Shared<PodView>| {
        let state = pod.origin.pod.as_ref().and_then(|name| running.get(name));
        state.is_some_and(|state| state.unfit.is_none())
    };
    let nodes: BTreeSet<_> = pods.iter().filter(fit).filter_map(|pod| pod.node.as_deref()).collect();
    let mut nodes = nodes.into_iter();
    let first = summary(client, nodes.next()?);
    let asked = async {
        // Without the permission, no other kubelet answers either.
        let mut told = vec![first.await?];
        let mut others = stream::iter(nodes).map(|node| summary(client, node)).buffer_unordered(AT_ONCE);
        while let Some(other) = others.next().await {
            told.push(other?);
        }
        Ok(told)
    };
    let told =
        timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err("a kubelet did not answer in time".to_owned()));
    let told = match told {
        Ok(told) => told,
        Err(why) => return Some(why),
    };
    let noted: BTreeSet<_> = told.iter().flat_map(|summary| note(namespace, summary, running)).collect();
    let missing = pods
        .iter()
        .filter_map(|pod| pod.origin.pod.as_ref())
        .find(|pod| running.get(*pod).is_some_and(|state| state.unfit.is_none()) && !noted.contains(*pod));
    missing.map(|pod| format!("the kubelet has no statistics of pod/{pod} yet"))
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
    fn a_pod_with_room_without_a_limit_or_of_another_namespace_is_fit() {
        assert_eq!(unfit("shop", &json!({ "availableBytes": 24 << 20 })), None);
        assert_eq!(unfit("shop", &json!({ "usageBytes": 1 })), None);
        assert_eq!(unfit("shop", &json!(null)), None);
        assert_eq!(unfit("other", &json!({ "availableBytes": 1 })), None);
    }
}
