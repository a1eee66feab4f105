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
        });
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
