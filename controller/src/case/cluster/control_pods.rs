//! The pods of a run in its control namespace, as policies select them: admission and `--probe-label` may add labels.

use std::net::IpAddr;

use super::Labels;
use crate::support::names::{CONTROL_ROLE, LISTENER_ROLE, ROLE_LABEL, RUN_LABEL, is_own_label};

/// The listener and the control pod on one node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ControlPods {
    /// The pod that listens.
    pub listener: OwnPod,
    /// The pod that makes the probe's attempts.
    pub control: OwnPod,
}

/// A pod of the run, as the API server describes it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OwnPod {
    /// The labels when the pod began to run.
    pub labels: Labels,
    /// The labels when the attempts were made; `None` if they are the same.
    pub later_labels: Option<Labels>,
    /// The name of the service account; empty if it is not known.
    pub service_account: String,
    /// The pod's addresses.
    pub addresses: Vec<IpAddr>,
}

impl ControlPods {
    /// Returns the pods as a run sends them with these labels of the user.
    pub fn planned(marks: &Labels) -> Self {
        let pod = |role| OwnPod { labels: own_labels(role, marks), ..OwnPod::default() };
        Self { listener: pod(LISTENER_ROLE), control: pod(CONTROL_ROLE) }
    }

    /// Returns the pods without the labels that `--probe-label` and admission added.
    #[must_use]
    pub fn without_added(&self) -> Self {
        let pod = |pod: &OwnPod| {
            let mut labels = pod.labels.clone();
            labels.retain(|key, _| is_own_label(key));
            OwnPod { labels, later_labels: None, ..pod.clone() }
        };
        Self { listener: pod(&self.listener), control: pod(&self.control) }
    }

    /// Returns the labels that `--probe-label` and admission added, each as its key and its value.
    pub fn added(&self) -> Vec<String> {
        let pods = [&self.listener, &self.control];
        let labels = pods.into_iter().flat_map(|pod| std::iter::once(&pod.labels).chain(&pod.later_labels));
        let added = labels.flatten().filter(|(key, _)| !is_own_label(key));
        let mut added: Vec<_> = added.map(|(key, value)| format!("{key}={value}")).collect();
        added.sort();
        added.dedup();
        added
    }
}

/// Returns the labels of a run's pod, with those of the user.
pub fn own_labels(role: &str, marks: &Labels) -> Labels {
    let own = [(RUN_LABEL, ""), (ROLE_LABEL, role)].map(|(key, value)| (key.to_owned(), value.to_owned()));
    marks.clone().into_iter().chain(own).collect()
}
