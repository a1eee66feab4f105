//! Making an object, and why the cluster would not have it.

use std::fmt::Debug;

use kube::{Api, api::PostParams};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;

use super::again;

/// Why something was not made, or not as it was sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Refusal {
    /// A permission is missing; the API server's words name it.
    #[error("{0}")]
    Permission(String),
    /// An admission plugin, a policy, a quota or a webhook refused it, in its own words.
    #[error("{0}")]
    Admission(String),
    /// A webhook changed it.
    #[error("an admission webhook changed the probe's pod: {0}")]
    Altered(String),
    /// It was made, and did not start; why, with the cluster's own warnings.
    #[error("{0}")]
    NotStarted(String),
    /// The API server did not answer.
    #[error("the API server did not answer: {0}")]
    Unanswered(String),
}

/// Makes an object. One that is there already was made by a request whose answer was lost.
pub(super) async fn insist<K>(
    api: &Api<K>,
    object: &K,
    params: &PostParams,
    deadline: Instant,
) -> Result<K, Refusal>
where
    K: kube::Resource + Clone + Serialize + DeserializeOwned + Debug,
{
    match again::retry_until(deadline, || api.create(params, object)).await {
        Err(kube::Error::Api(status)) if status.code == 409 && status.reason == "AlreadyExists" => {
            let name = object.meta().name.as_deref().unwrap_or_default();
            again::retry_until(deadline, || api.get(name)).await.map_err(refusal)
        }
        created => created.map_err(refusal),
    }
}

/// RBAC says whom it refuses; admission says why.
pub(super) fn refusal(error: kube::Error) -> Refusal {
    match error {
        kube::Error::Api(status) if status.code == 403 && status.message.contains("\" cannot ") => {
            Refusal::Permission(status.message.clone())
        }
        kube::Error::Api(status) if !again::is_transient(&kube::Error::Api(status.clone())) => {
            Refusal::Admission(status.message.clone())
        }
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
    fn a_missing_permission_is_told_from_a_policy_that_refuses() {
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
    fn a_webhook_that_fails_is_told_at_once_and_an_api_server_that_fails_is_asked_again() {
        let failed = "Internal error occurred: failed calling webhook \"guard.example\": failed to call webhook: Post \
                      \"https://10.0.0.9:443/?timeout=10s\": dial tcp 10.0.0.9:443: connect: connection refused";
        let denied = "admission webhook \"guard.example\" denied the request: try later";
        for (code, words) in [(500, failed), (503, denied), (429, denied)] {
            assert_eq!(told(code, words), Refusal::Admission(words.to_owned()), "{code}");
        }
        for code in [429, 500, 503] {
            let own = "Internal error occurred: etcdserver: leader changed";
            assert!(matches!(told(code, own), Refusal::Unanswered(_)), "{code}");
        }
    }
}
