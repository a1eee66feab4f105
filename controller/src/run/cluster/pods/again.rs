//! Repetition of requests that an API server in trouble does not answer, until the run's deadline. A frozen server
//! never answers, so every request has a time limit.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// The time limit of one answer, above the API server's limit for a webhook (`timeoutSeconds`, 30 at most).
const PATIENCE: Duration = Duration::from_secs(35);
/// The API server's messages for a webhook that failed and for a webhook that refused, with any status (apiserver,
/// `pkg/util/webhook/error.go`, `pkg/admission/plugin/webhook/errors/statuserror.go`). A repetition changes nothing.
const OF_A_WEBHOOK: [&str; 2] = ["failed calling webhook ", "admission webhook "];

/// Repeats the request until it is answered or the deadline has passed.
pub(super) async fn retry_until<T, F>(deadline: Instant, mut request: impl FnMut() -> F) -> kube::Result<T>
where
    F: Future<Output = kube::Result<T>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let patience = deadline.min(Instant::now() + PATIENCE);
        let answer = timeout_at(patience, request()).await;
        match answer.unwrap_or_else(|_| Err(kube::Error::Service("no answer in time".into()))) {
            Err(error) if is_transient(&error) && Instant::now() + pause < deadline => sleep(pause).await,
            answer => return answer,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
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

/// Returns true if the message is a webhook's own or is about a webhook.
pub(super) fn is_of_a_webhook(message: &str) -> bool {
    OF_A_WEBHOOK.iter().any(|words| message.contains(words))
}
