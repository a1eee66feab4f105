//! Creation of objects, and the cluster's reasons for refusing them.

use std::fmt::Debug;

use kube::{Api, api::PostParams};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;

use super::again;
use crate::run::cluster::manifest::Alteration;

/// Why an object was not created, or was changed on creation.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Refusal {
    /// A permission is missing; the API server's message names it.
    #[error("{0}")]
    Permission(String),
    /// An admission plugin, a policy, a quota or a webhook refused the object, with this message.
    #[error("{0}")]
    Admission(String),
    /// Admission itself failed, as with a webhook out of reach; another pod would fare no better.
    #[error("{0}")]
    Broken(String),
    /// A webhook or an admission policy changed the pod.
    #[error("admission changed the probe's pod, so that {0}")]
    Altered(Alteration),
    /// The pod was created and did not start; the reason includes the cluster's own warnings.
    #[error("{0}")]
    NotStarted(String),
    /// The pod was created, and its node could not pull the image, for the kubelet's own reason.
    #[error("the node could not pull the probe's image: {0}")]
    NotPulled(String),
    /// The pod has ended, for this reason, before a process could be started in it.
    #[error("{0}")]
    Gone(String),
    /// No process could be started in the running pod: the cluster's own reason, such as a kubelet that does not answer.
    #[error("no probe could be started in its pod: {0}")]
    NotHeard(String),
    /// The API server did not answer.
    #[error("the API server did not answer: {0}")]
    Unanswered(String),
    /// The run's time ended before the answer.
    #[error("the run's time was over before the API server answered")]
    TimeOver,
}

impl From<Alteration> for Refusal {
    fn from(alteration: Alteration) -> Self {
        Self::Altered(alteration)
    }
}

/// Creates an object. An existing object was created by an earlier request whose answer was lost.
pub(super) async fn insist<K>(
    api: &Api<K>,
    object: &K,
    params: &PostParams,
    deadline: Instant,
) -> Result<K, Refusal>
where
    K: kube::Resource + Clone + Serialize + DeserializeOwned + Debug,
{
    match again::retry_conflicts_until(deadline, || api.create(params, object)).await {
        Err(kube::Error::Api(status)) if status.code == 409 && status.reason == "AlreadyExists" => {
            let name = object.meta().name.as_deref().unwrap_or_default();
            again::retry_until(deadline, || api.get(name)).await.map_err(refusal)
        }
        created => created.map_err(refusal),
    }
}

/// Classifies an error: RBAC names the user whom it refuses, and admission names a reason.
pub(super) fn refusal(error: kube::Error) -> Refusal {
    match error {
        kube::Error::Api(status) if status.code == 403 && status.message.contains("\" cannot ") => {
            Refusal::Permission(status.message.clone())
        }
        kube::Error::Api(status) if !again::is_transient(&kube::Error::Api(status.clone())) => {
            // A call of a webhook that failed is an internal error of the API server, whatever the webhook would say.
            let kind = if status.code == 500 { Refusal::Broken } else { Refusal::Admission };
            kind(status.message.clone())
        }
        error if again::is_time_over(&error) => Refusal::TimeOver,
        other => Refusal::Unanswered(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn told(code: u16, message: &str) -> Refusal {
        let status = Status { code, message: message.to_owned(), ..Status::default() };
        refusal(kube::Error::Api(Box::new(status)))
    }

    #[test]
    fn a_missing_permission_is_told_from_a_refusal_by_policy() {
        let rbac = "pods is forbidden: User \"ci\" cannot create resource \"pods\" in API group \"\" in the namespace \"shop\"";
        assert_eq!(told(403, rbac), Refusal::Permission(rbac.to_owned()));
        let quota = "pods \"podproof-1-0\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1";
        assert_eq!(told(403, quota), Refusal::Admission(quota.to_owned()));
        let policy =
            "pods \"podproof-1-0\" is forbidden: ValidatingAdmissionPolicy 'p' denied request: it cannot be";
        assert_eq!(told(403, policy), Refusal::Admission(policy.to_owned()));
        assert!(matches!(told(503, "away"), Refusal::Unanswered(_)));
    }

    #[test]
    fn only_an_error_of_the_api_server_itself_is_transient() {
        let failed = "Internal error occurred: failed calling webhook \"guard.example\": failed to call webhook: Post \
                      \"https://10.0.0.9:443/?timeout=10s\": dial tcp 10.0.0.9:443: connect: connection refused";
        let denied = "admission webhook \"guard.example\" denied the request: try later";
        assert_eq!(told(500, failed), Refusal::Broken(failed.to_owned()));
        for code in [503, 429] {
            assert_eq!(told(code, denied), Refusal::Admission(denied.to_owned()), "{code}");
        }
        for code in [429, 500, 503] {
            let own = "Internal error occurred: etcdserver: leader changed";
            assert!(matches!(told(code, own), Refusal::Unanswered(_)), "{code}");
        }
    }
}
