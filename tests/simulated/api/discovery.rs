//! The paths that name no object: version, kinds, and the statistics of a kubelet.

use serde_json::json;

use super::{answer::Answer, kinds};
use crate::{cluster::Cluster, store::text};

/// Returns the answer to a path that names no object; `None` for every other path.
pub(crate) fn answer(cluster: &Cluster, path: &str) -> Option<Answer> {
    Some(match path {
        "/version" => Answer::of(
            200,
            &json!({
                "major": "1", "minor": "35", "gitVersion": "v1.35.4", "gitCommit": "", "gitTreeState": "clean",
                "buildDate": "", "goVersion": "", "compiler": "gc", "platform": "linux/amd64",
            }),
        ),
        "/apis" => Answer::of(
            200,
            &json!({
                "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
                "items": kinds::groups(cluster),
            }),
        ),
        _ => return None,
    })
}

/// Returns the statistics of a node's kubelet, by which every pod has memory left.
pub(crate) fn statistics(cluster: &Cluster, node: &str) -> Answer {
    let pods = cluster.of_kind("pods", "").into_iter();
    let pods =
        pods.filter(|(_, pod)| text(pod, "/spec/nodeName") == node).map(|((_, namespace, name), pod)| {
            let pod = json!({ "name": name, "namespace": namespace, "uid": text(&pod, "/metadata/uid") });
            json!({ "podRef": pod, "memory": { "availableBytes": 100 << 20 } })
        });
    Answer::of(200, &json!({ "node": { "nodeName": node }, "pods": pods.collect::<Vec<_>>() }))
}
