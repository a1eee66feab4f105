//! The labels by which Calico selects a pod or a set of addresses: the own ones, those of the orchestrator, and those that
//! profiles of the namespace (`pcns.`) and of the service account (`pcsa.`) add (projectcalico,
//! `libcalico-go/lib/backend/k8s/conversion`).

use super::selector::{Expression, Value};
use crate::case::{
    cluster::Labels,
    policy::{endpoint::Endpoint, matching::Match},
};

/// The label with the name of the namespace.
pub(super) const NAMESPACE: &str = "projectcalico.org/namespace";
/// The labels whose value is the name of the namespace; the last one by Kubernetes ("Automatic labelling").
pub(super) const NAMES_OF_NAMESPACE: [&str; 3] =
    [NAMESPACE, "pcns.projectcalico.org/name", "pcns.kubernetes.io/metadata.name"];
/// The label with the name of the service account.
pub(super) const SERVICE_ACCOUNT: &str = "projectcalico.org/serviceaccount";
/// The prefix of the namespace's labels.
pub(super) const OF_NAMESPACE: &str = "pcns.";
/// The prefix of the service account's labels.
pub(super) const OF_SERVICE_ACCOUNT: &str = "pcsa.";
/// The label of every pod.
const ORCHESTRATOR: &str = "projectcalico.org/orchestrator";
/// The label, after a prefix, with the name of the namespace or the service account.
const NAME: &str = "projectcalico.org/name";
/// The length from which a service account's name is no label.
const TOO_LONG: usize = 63;

impl Expression {
    /// Compares the expression with a pod.
    pub(in crate::case::policy) fn selects_pod(&self, pod: &Endpoint) -> Match {
        self.selects(&|key| of_pod(pod, key))
    }
}

fn of_pod<'a>(pod: &'a Endpoint, key: &str) -> Value<'a> {
    let account = || match pod.service_account.as_str() {
        "" => Err("the pod's service account is not known".to_owned()),
        name => Ok(name),
    };
    match key {
        NAMESPACE => return Ok(Some(&pod.namespace)),
        ORCHESTRATOR => return Ok(Some("k8s")),
        SERVICE_ACCOUNT if account()?.len() < TOO_LONG => return account().map(Some),
        _ => (),
    }
    if let Some(own) = pod.labels.get(key) {
        return Ok(Some(own));
    }
    match (key.strip_prefix(OF_NAMESPACE), key.strip_prefix(OF_SERVICE_ACCOUNT)) {
        (Some(NAME), _) => Ok(Some(&pod.namespace)),
        (Some(key), _) => match &pod.namespace_labels {
            Some(labels) => Ok(labels.get(key).map(String::as_str)),
            None => Err(format!("the labels of namespace {} could not be read", pod.namespace)),
        },
        (_, Some(NAME)) => account().map(Some),
        (_, Some(_)) => Err(format!("the labels of the service account {} are not compared", account()?)),
        (None, None) => Ok(None),
    }
}

/// Returns a label of a set of addresses or of a host. `namespace` is empty for those without a namespace; `labels` is `None`
/// for one that was not read.
pub(super) fn of_set<'a>(namespace: Option<&'a str>, labels: Option<&'a Labels>, key: &str) -> Value<'a> {
    if key == NAMESPACE {
        return Ok(namespace);
    }
    let own = match labels {
        Some(labels) => labels.get(key).map(String::as_str),
        None => return Err("sets of addresses were not read".to_owned()),
    };
    match (own, namespace, key.strip_prefix(OF_NAMESPACE)) {
        (Some(own), ..) => Ok(Some(own)),
        (None, Some(namespace), Some(NAME)) => Ok(Some(namespace)),
        (None, Some(_), Some(_)) => Err("the labels of other namespaces are not compared".to_owned()),
        (None, ..) => Ok(None),
    }
}
