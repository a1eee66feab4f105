//! Ephemeral containers: the kubelet starts them in running pods, and they end when their process does.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::Cluster;
use crate::store::{Key, text};

const STARTING: Duration = Duration::from_millis(300);

impl Cluster {
    /// Starts an ephemeral container of a running pod.
    pub(crate) fn start_visit(&self, pod: Key, container: String) {
        let cluster = self.clone();
        tokio::spawn(async move {
            sleep(STARTING).await;
            let image_id = cluster.image_id(&pod);
            cluster.set(&pod, |it| {
                let status = json!({
                    "name": container, "image": "", "imageID": image_id,
                    "ready": false, "restartCount": 0, "containerID": format!("containerd://{container}"),
                    "state": { "running": {} },
                });
                match it["status"]["ephemeralContainerStatuses"].as_array_mut() {
                    Some(statuses) => statuses.push(status),
                    None => it["status"]["ephemeralContainerStatuses"] = json!([status]),
                }
            });
            cluster.live_out(&pod, &container).await;
        });
    }

    /// Goes on with the ephemeral containers of a pod, after the end of everything that was under way.
    pub(super) fn resume_visits(&self, pod: &Key, object: &Value) {
        for container in object["spec"]["ephemeralContainers"].as_array().into_iter().flatten() {
            let container = text(container, "/name");
            let statuses = object["status"]["ephemeralContainerStatuses"].as_array();
            if statuses.into_iter().flatten().any(|status| status["name"] == *container) {
                let (cluster, pod) = (self.clone(), pod.clone());
                tokio::spawn(async move { cluster.live_out(&pod, &container).await });
            } else {
                self.start_visit(pod.clone(), container);
            }
        }
    }

    /// Ends the probe in a container after its lifetime: the last word of its command.
    async fn live_out(&self, pod: &Key, container: &str) {
        let object = self.get(pod).unwrap_or_default();
        let containers = object["spec"]["ephemeralContainers"].as_array();
        let own = containers.into_iter().flatten().find(|it| it["name"] == *container);
        let last = own.and_then(|own| own["command"].as_array()?.last()?.as_str()?.parse().ok());
        if let Some(lifetime) = last {
            sleep(Duration::from_secs(lifetime)).await;
            self.end_visit(pod, container);
        }
    }

    /// Ends the process of an ephemeral container.
    pub(crate) fn end_visit(&self, pod: &Key, container: &str) {
        self.set(pod, |it| {
            let statuses = it["status"]["ephemeralContainerStatuses"].as_array_mut();
            for status in statuses.into_iter().flatten().filter(|status| status["name"] == *container) {
                status["state"] = json!({ "terminated": { "exitCode": 0, "reason": "Completed" } });
            }
        });
    }
}

/// Returns true if a container of a running pod runs.
pub(crate) fn runs(pod: &Value, container: &str) -> bool {
    let statuses = ["containerStatuses", "ephemeralContainerStatuses"];
    let mut statuses = statuses.iter().filter_map(|kind| pod["status"][kind].as_array()).flatten();
    text(pod, "/status/phase") == "Running"
        && statuses.any(|status| status["name"] == *container && !status["state"]["running"].is_null())
}
