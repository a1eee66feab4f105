//! Pods that are older than every policy which denies their egress. A run cannot see what such a pod reached before.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::{
    InCluster,
    cluster::{Cluster, PodView},
    policy::Direction,
};

/// The pods that are older than the first policy that binds them, by the policy.
#[derive(Debug, Default)]
pub(super) struct EarlyPods(BTreeMap<String, BTreeSet<String>>);

impl EarlyPods {
    /// Adds the pods of one case.
    pub(super) fn add(&mut self, known: &InCluster) {
        for pod_view in &known.group.pod_views {
            if let Some(policy) = later_policy(&known.cluster, pod_view) {
                self.0.entry(policy).or_default().insert(pod_view.origin.title());
            }
        }
    }

    /// Returns a note for each policy that came first and later than pods which it binds.
    pub(super) fn notes(&self) -> Vec<String> {
        self.0.iter().map(|(policy, pods)| note(policy, pods)).collect()
    }
}

/// Returns the oldest policy that denies a pod's egress, if the policy is younger than the pod; `None` if an age is not known.
fn later_policy(cluster: &Cluster, pod_view: &PodView) -> Option<String> {
    let created = pod_view.created?;
    let endpoint = cluster.endpoint(&pod_view.labels, &pod_view.service_account);
    let (closing, _) = cluster.policies.closing(&endpoint, Direction::Egress);
    let aged = closing.into_iter().map(|title| Some((cluster.policies.created(&title)?, title)));
    let (first, title) = aged.collect::<Option<Vec<_>>>()?.into_iter().min()?;
    (first > created).then_some(title)
}

fn note(policy: &str, pods: &BTreeSet<String>) -> String {
    let (first, more) = (pods.first().map(String::as_str).unwrap_or_default(), pods.len().saturating_sub(1));
    let more = match more {
        0 => String::new(),
        1 => " and 1 more pod".to_owned(),
        more => format!(" and {more} more pods"),
    };
    format!(
        "{first}{more} ran before {policy} was created, and no policy denied egress until then; restart the pods to end what \
         they may have fetched or opened before"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture;

    /// Returns the notes on a pod of second 100, with policies of the namespace by their names and seconds of creation.
    fn noted(policies: &[(&str, &str)]) -> Vec<String> {
        let mut case = fixture::pod();
        let objects: Vec<_> = policies
            .iter()
            .map(|(name, created)| {
                json!({
                    "apiVersion": "networking.k8s.io/v1",
                    "kind": "NetworkPolicy",
                    "metadata": { "name": name, "namespace": "shop", "creationTimestamp": created },
                    "spec": { "podSelector": {}, "policyTypes": ["Egress"] },
                })
            })
            .collect();
        fixture::bind(&mut case, &objects);
        for pod_view in &mut fixture::in_cluster(&mut case).group.pod_views {
            pod_view.created = Some(100).filter(|_| !pod_view.origin.is_template());
        }
        let mut early_pods = EarlyPods::default();
        early_pods.add(case.surroundings.in_cluster.as_ref().unwrap());
        early_pods.notes()
    }

    const BEFORE: &str = "1970-01-01T00:01:39Z";
    const AFTER: &str = "1970-01-01T00:01:41Z";

    #[test]
    fn a_pod_before_its_only_policy_is_noted() {
        let notes = noted(&[("default-deny", AFTER)]);
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(
            notes[0].starts_with("pod/web-1 ran before NetworkPolicy default-deny was created"),
            "{notes:?}"
        );
    }

    #[test]
    fn a_pod_that_another_policy_closed_from_the_start_is_not_noted() {
        assert_eq!(noted(&[("default-deny", AFTER), ("older", BEFORE)]), [""; 0]);
    }

    #[test]
    fn a_policy_without_an_age_is_not_noted() {
        assert_eq!(noted(&[("default-deny", "")]), [""; 0]);
        assert_eq!(noted(&[]), [""; 0]);
    }
}
