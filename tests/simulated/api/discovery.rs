//! The paths that name no object: version, kinds, and the statistics of a kubelet.

use serde_json::json;

use super::answer::Answer;
use crate::{cluster::Cluster, store::text};

/// The groups of the simulated API server, none of which has custom kinds.
const GROUPS: &[&str] =
    &["apps", "batch", "discovery.k8s.io", "networking.k8s.io", "node.k8s.io", "storage.k8s.io"];

/// Returns the answer to a path that names no object; `None` for every other path.
pub(crate) fn answer(path: &str) -> Option<Answer> {
    let group = |name: &&str| {
        let version = json!({ "version": "v1", "freshness": "Current", "resources": [] });
        json!({ "metadata": { "name": name }, "versions": [version] })
    };
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
                "items": GROUPS.iter().map(group).collect::<Vec<_>>(),
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
