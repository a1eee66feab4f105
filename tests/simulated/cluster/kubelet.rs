//! The scheduler and the kubelet: they move a pod from its creation to its end.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{ADDRESSES, Cluster, NAMESPACE, ROOM, STARTS_IN};
use crate::store::{Key, Store, text};

/// The beginning of the addresses of pods in every namespace that is not judged.
const OTHERS: &str = "10.244.2.";
const SCHEDULING: Duration = Duration::from_millis(20);
pub(super) const STARTING: Duration = Duration::from_millis(400);
const STOPPING: Duration = Duration::from_millis(100);
/// The time between the end of a pod's containers and the removal of its object.
const REMOVING: Duration = Duration::from_millis(700);

impl Cluster {
    /// Schedules and starts a new pod.
    pub(crate) fn start(&self, pod: Key) {
        let cluster = self.clone();
        tokio::spawn(async move {
            sleep(SCHEDULING).await;
            let Some(node) = cluster.node_for(&pod) else {
                let unschedulable = json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/0 nodes" });
                cluster.set(&pod, |it| it["status"]["conditions"] = json!([unschedulable]));
                return;
            };
            cluster.set(&pod, |it| {
                it["spec"]["nodeName"] = json!(node);
                it["status"]["conditions"] = json!([{ "type": "PodScheduled", "status": "True" }]);
            });
            let slow =
                cluster.annotation(&pod.1, STARTS_IN).map(|it| Duration::from_secs(it.parse().unwrap()));
            sleep(slow.unwrap_or_else(|| cluster.starting())).await;
            if !cluster.may_pull(&pod) {
                cluster.set(&pod, |it| it["status"]["containerStatuses"] = json!([unpulled()]));
                return;
            }
            let image_id = cluster.image_id(&pod);
            cluster.set(&pod, |it| {
                let uid = text(it, "/metadata/uid");
                let last: u64 = uid.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap();
                it["status"]["phase"] = json!("Running");
                let network = if pod.1 == NAMESPACE { ADDRESSES } else { OTHERS };
                it["status"]["podIPs"] = json!([{ "ip": format!("{network}{last}") }]);
                it["status"]["containerStatuses"] = json!([{
                    "name": "probe", "image": "", "imageID": image_id, "ready": false,
                    "restartCount": 0, "containerID": format!("containerd://{uid}"), "state": { "running": {} },
                }]);
            });
        });
    }

    /// Stops a pod that was deleted, and removes its object.
    pub(crate) fn stop(&self, pod: Key) {
        let cluster = self.clone();
        tokio::spawn(async move {
            sleep(STOPPING).await;
            cluster.set(&pod, |it| ended(it, "Failed"));
            sleep(REMOVING).await;
            cluster.change(|store| store.remove(&pod));
        });
    }

    /// Ends every pod of a run and every visited pod, as a node in need of memory does.
    pub(crate) fn evict(&self) {
        for (pod, object) in self.of_kind("pods", "") {
            let is_visited = object["spec"]["ephemeralContainers"].is_array();
            if is_visited || object.pointer("/metadata/labels/podproof.dev~1run").is_some() {
                let cluster = self.clone();
                tokio::spawn(async move {
                    cluster.change(|store| {
                        store.modify(&pod, |it| {
                            ended(it, "Failed");
                            it["status"]["reason"] = json!("Evicted");
                            it["status"]["message"] = json!("The node was low on resource: memory.");
                        })
                    });
                });
            }
        }
    }

    /// Removes the first node, and its pods with it.
    pub(crate) fn lose_a_node(&self) {
        let Some((node, _)) = self.of_kind("nodes", "").into_iter().next() else { return };
        self.change(|store| store.remove(&node));
        for (pod, object) in self.of_kind("pods", "") {
            if text(&object, "/spec/nodeName") == node.2 {
                self.change(|store| store.remove(&pod));
            }
        }
    }

    /// Changes a pod that has not ended.
    pub(super) fn set(&self, pod: &Key, change: impl FnOnce(&mut Value)) {
        self.change(|store| {
            let phase = store.get(pod).map(|it| text(it, "/status/phase")).unwrap_or_default();
            if !["Failed", "Succeeded"].contains(&phase.as_str()) {
                store.modify(pod, change);
            }
        });
    }

    /// Returns the first node with room that a pod asks for, or the first node of all.
    fn node_for(&self, pod: &Key) -> Option<String> {
        let store = self.store();
        let terms =
            "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
        let nodes = store.of_kind("nodes", "");
        let Some(terms) = store.get(pod)?.pointer(terms).and_then(Value::as_array) else {
            return nodes.into_iter().next().map(|(key, _)| key.2);
        };
        let asked = terms.iter().flat_map(|term| {
            term["matchFields"].as_array().into_iter().flatten().map(|field| text(field, "/values/0"))
        });
        asked
            .into_iter()
            .find(|name| nodes.iter().any(|(key, node)| key.2 == *name && has_room(&store, name, node)))
    }
}

/// Returns true if a node has room for one more pod.
fn has_room(store: &Store, name: &str, node: &Value) -> bool {
    let Some(room) = node["metadata"]["annotations"][ROOM].as_str() else { return true };
    let pods = store.of_kind("pods", "");
    let there = pods.iter().filter(|(_, pod)| text(pod, "/spec/nodeName") == name).count();
    there < room.parse().unwrap()
}

/// Returns the status of a container whose image a private registry refuses.
fn unpulled() -> Value {
    let message = "Back-off pulling image: 401 Unauthorized";
    json!({
        "name": "probe", "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "waiting": { "reason": "ImagePullBackOff", "message": message } },
    })
}

/// Ends a pod and its containers.
fn ended(pod: &mut Value, phase: &str) {
    pod["status"]["phase"] = json!(phase);
    for statuses in ["containerStatuses", "ephemeralContainerStatuses"] {
        for status in pod["status"][statuses].as_array_mut().into_iter().flatten() {
            status["state"] = json!({ "terminated": { "exitCode": 137, "reason": "Error" } });
        }
    }
}
