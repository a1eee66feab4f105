//! Deletion, and the garbage collector, which deletes the objects of a deleted owner.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::Cluster;
use crate::store::{Key, text};

/// The time in which the garbage collector notices a deleted owner.
const NOTICING: Duration = Duration::from_millis(150);

impl Cluster {
    /// Deletes an object; a pod gets time to stop. Returns true if the object was there.
    pub(crate) fn delete(&self, key: &Key, at_once: bool) -> bool {
        let Some(object) = self.get(key) else { return false };
        if key.0 == "pods" && !at_once {
            if object["metadata"]["deletionTimestamp"].is_null() {
                self.change(|store| {
                    store.modify(key, |pod| {
                        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:01Z");
                    })
                });
                self.stop(key.clone());
            }
            return true;
        }
        self.change(|store| store.remove(key));
        let (cluster, owner) = (self.clone(), text(&object, "/metadata/uid"));
        tokio::spawn(async move {
            sleep(NOTICING).await;
            cluster.collect(&owner);
        });
        true
    }

    /// Deletes the pods of a deleted owner.
    fn collect(&self, owner: &str) {
        for (key, pod) in self.of_kind("pods", "") {
            let owners = pod.pointer("/metadata/ownerReferences").and_then(|it| it.as_array());
            if owners.into_iter().flatten().any(|it| text(it, "/uid") == owner) {
                self.delete(&key, false);
            }
        }
    }

    /// Goes on with everything that was under way when the controller was killed.
    pub(crate) fn resume(&self) {
        let owners: Vec<_> =
            self.of_kind("configmaps", "").iter().map(|(_, it)| text(it, "/metadata/uid")).collect();
        for (key, pod) in self.of_kind("pods", "") {
            let owner = text(&pod, "/metadata/ownerReferences/0/uid");
            self.resume_visits(&key, &pod);
            if !pod["metadata"]["deletionTimestamp"].is_null() {
                self.stop(key);
            } else if pod.pointer("/metadata/labels/podproof.dev~1run").is_some() {
                match owners.contains(&owner) {
                    true if text(&pod, "/status/phase") == "Pending" => self.start(key),
                    true => (),
                    false => drop(self.delete(&key, false)),
                }
            }
        }
    }
}
