//! A request that an API server in trouble could not answer is made again, until the run's deadline.

use std::time::Duration;

use tokio::time::{Instant, sleep};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Makes the request until it is answered, or the deadline has come.
pub(super) async fn until<T, F>(deadline: Instant, mut request: impl FnMut() -> F) -> kube::Result<T>
where
    F: Future<Output = kube::Result<T>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        match request().await {
            Err(error) if passes(&error) && Instant::now() + pause < deadline => sleep(pause).await,
            answer => return answer,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether the same request may be answered in a while: nobody was there, or the server said to come again.
pub(super) fn passes(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => matches!(status.code, 429 | 500 | 502 | 503 | 504),
        kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => true,
        _ => false,
    }
}
