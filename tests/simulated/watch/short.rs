//! Pods that live for a short while: each group of them leads to one run, if that run has read a pod of the group.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::{MINUTE, runs, watched};
use crate::{
    cluster::{Cluster, NAMESPACE},
    store::{Key, key},
};

/// Starts a pod that no pod before was like but those of the same job.
fn start(cluster: &Cluster, job: &str) -> Key {
    let mut pod = cluster.get(&key("pods", NAMESPACE, "web-1")).unwrap();
    pod["metadata"]["labels"]["job"] = json!(job);
    pod["status"]["podIPs"] = json!([{ "ip": "10.244.1.202" }]);
    let key = key("pods", NAMESPACE, job);
    cluster.change(|store| store.add(key.clone(), pod));
    key
}

fn end(cluster: &Cluster, pod: &Key) {
    cluster.change(|store| store.remove(pod));
}

#[test]
fn jobs_whose_pods_come_in_turn_lead_to_one_run_each() {
    let (_, history, _) = watched(async |cluster| {
        for job in ["report", "backup"].repeat(4) {
            let pod = start(cluster, job);
            sleep(MINUTE * 2).await;
            end(cluster, &pod);
            sleep(MINUTE * 3).await;
        }
    });
    assert_eq!(runs(&history), 3);
}

#[test]
fn a_pod_that_no_run_read_leads_to_a_run_when_it_returns() {
    let (_, history, _) = watched(async |cluster| {
        let pod = start(cluster, "debug");
        while runs(&cluster.history()) < 2 {
            sleep(Duration::from_millis(1)).await;
        }
        end(cluster, &pod);
        sleep(MINUTE * 10).await;
        start(cluster, "debug");
    });
    assert_eq!(runs(&history), 3);
}
