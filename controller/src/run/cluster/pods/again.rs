//! A request that an API server in trouble could not answer is made again, until the run's deadline. One that is frozen
//! answers nothing at all: no request waits for ever.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How long one answer may take: longer than the API server waits for a webhook (`timeoutSeconds`, 30 at most).
const PATIENCE: Duration = Duration::from_secs(35);
/// The API server's words for a webhook that it could not ask, and for one that said no, with whatever status (apiserver,
/// `pkg/util/webhook/error.go`, `pkg/admission/plugin/webhook/errors/statuserror.go`). Asked again it says the same.
const OF_A_WEBHOOK: [&str; 2] = ["failed calling webhook ", "admission webhook "];

/// Makes the request until it is answered, or the deadline has come.
pub(super) async fn retry_until<T, F>(deadline: Instant, mut request: impl FnMut() -> F) -> kube::Result<T>
where
    F: Future<Output = kube::Result<T>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let patience = deadline.min(Instant::now() + PATIENCE);
        let answer = timeout_at(patience, request()).await;
        match answer.unwrap_or_else(|_| Err(kube::Error::Service("it did not answer in time".into()))) {
            Err(error) if is_transient(&error) && Instant::now() + pause < deadline => sleep(pause).await,
            answer => return answer,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether the same request may be answered in a while: nobody was there, or the server said to come again.
pub(super) fn is_transient(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => {
            matches!(status.code, 429 | 500 | 502 | 503 | 504) && !is_of_a_webhook(&status.message)
        }
        kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => true,
        _ => false,
    }
}

/// Whether these are a webhook's words, or tell of one.
pub(super) fn is_of_a_webhook(message: &str) -> bool {
    OF_A_WEBHOOK.iter().any(|words| message.contains(words))
}
