//! Repetition of requests that an API server in trouble does not answer, until the run's deadline. A frozen server
//! never answers, so every request has a time limit.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout_at};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// The time limit of one answer, above the API server's limit for a webhook (`timeoutSeconds`, 30 at most).
pub(super) const PATIENCE: Duration = Duration::from_secs(35);
/// The API server's messages for a webhook that failed and for a webhook that refused, with any status (apiserver,
/// `pkg/util/webhook/error.go`, `pkg/admission/plugin/webhook/errors/statuserror.go`). A repetition changes nothing.
const OF_A_WEBHOOK: [&str; 2] = ["failed calling webhook ", "admission webhook "];

/// The end of the time for a request, which is no fault of the API server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the time was over before the API server answered")]
pub(super) struct TimeOver;

/// Repeats the request until it is answered or the deadline has passed. Makes no request after the deadline.
pub(in crate::run::cluster) async fn retry_until<T, F>(
    deadline: Instant,
    request: impl FnMut() -> F,
) -> kube::Result<T>
where
    F: Future<Output = kube::Result<T>>,
{
    retry_while(is_transient, deadline, request).await
}

/// Repeats a request without a precondition of its own, also after a conflict. Such a conflict is with another writer: of the
/// object, or of a quota that counts the object (apiserver, `pkg/admission/plugin/resourcequota/controller.go`).
pub(in crate::run::cluster) async fn retry_conflicts_until<T, F>(
    deadline: Instant,
    request: impl FnMut() -> F,
) -> kube::Result<T>
where
    F: Future<Output = kube::Result<T>>,
{
    retry_while(|error| is_transient(error) || is_conflict(error), deadline, request).await
}

async fn retry_while<T, F>(
    may_pass: impl Fn(&kube::Error) -> bool,
    deadline: Instant,
    mut request: impl FnMut() -> F,
) -> kube::Result<T>
where
    F: Future<Output = kube::Result<T>>,
{
    let mut pause = FIRST_PAUSE;
    while Instant::now() < deadline {
        let patience = Instant::now() + PATIENCE;
        match timeout_at(deadline.min(patience), request()).await {
            Err(_) if deadline <= patience => break,
            Ok(Err(error)) if may_pass(&error) && Instant::now() + pause < deadline => sleep(pause).await,
            Ok(answer) => return answer,
            Err(_) => sleep_until(deadline.min(Instant::now() + pause)).await,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Err(kube::Error::Service(TimeOver.into()))
}

/// Returns true if the time for a request was over before its answer.
pub(super) fn is_time_over(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Service(why) if why.is::<TimeOver>())
}

/// Returns true if a repetition may succeed: the server could not be reached, or asked for a later attempt.
pub(super) fn is_transient(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => {
            matches!(status.code, 429 | 500 | 502 | 503 | 504) && !is_of_a_webhook(&status.message)
        }
        kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => true,
        _ => false,
    }
}

/// Returns true for a conflict of the API server's own; an object that exists already has another reason.
fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status)
        if status.code == 409 && status.reason == "Conflict" && !is_of_a_webhook(&status.message))
}

/// Returns true if the message is a webhook's own or is about a webhook.
pub(super) fn is_of_a_webhook(message: &str) -> bool {
    OF_A_WEBHOOK.iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::pending};

    use kube::core::Status;

    use super::*;

    /// Answers the first request with this status, and every other one with success.
    async fn retried(reason: &str, message: &str) -> kube::Result<u32> {
        let asked = Cell::new(0);
        let status =
            Status { code: 409, reason: reason.into(), message: message.into(), ..Status::default() };
        let answer = || {
            asked.set(asked.get() + 1);
            let first = asked.get() == 1;
            let answer =
                if first { Err(kube::Error::Api(Box::new(status.clone()))) } else { Ok(asked.get()) };
            std::future::ready(answer)
        };
        retry_conflicts_until(Instant::now() + Duration::from_secs(9), answer).await
    }

    #[tokio::test]
    async fn a_conflict_over_a_quota_is_asked_again() {
        let message =
            "Operation cannot be fulfilled on resourcequotas \"small\": the object has been modified";
        assert_eq!(retried("Conflict", message).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn an_object_that_exists_is_no_conflict() {
        assert!(retried("AlreadyExists", "pods \"web\" already exists").await.is_err());
    }

    #[tokio::test]
    async fn a_conflict_that_a_webhook_names_is_final() {
        let message = "admission webhook \"guard.example\" denied the request: another pod has the name";
        assert!(retried("Conflict", message).await.is_err());
    }

    #[tokio::test]
    async fn a_request_after_the_deadline_is_not_made() {
        let asked = Cell::new(0);
        let request = || {
            asked.set(asked.get() + 1);
            async { Ok(()) }
        };
        let answer = retry_until(Instant::now(), request).await;
        assert!(answer.is_err_and(|error| is_time_over(&error)));
        assert_eq!(asked.get(), 0);
    }

    #[tokio::test]
    async fn a_request_that_the_deadline_cuts_is_told_from_a_failure_of_the_server() {
        let soon = Instant::now() + Duration::from_millis(5);
        let cut = retry_until(soon, pending::<kube::Result<()>>).await;
        assert!(cut.is_err_and(|error| is_time_over(&error)));
        let failed = retry_until(Instant::now() + FIRST_PAUSE / 2, || async {
            Err::<(), _>(kube::Error::Service("connection refused".into()))
        });
        assert!(failed.await.is_err_and(|error| !is_time_over(&error)));
    }
}
