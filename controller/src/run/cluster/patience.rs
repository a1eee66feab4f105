//! The end of patience with an API server: a list or a watch on a connection whose other end is gone waits for ever, and its kind is
//! seen no more.

use std::time::Duration;

use http::Request;
use kube::{Client, client::Body};
use tokio::time::timeout;
use tower::{BoxError, service_fn};
use tower_http::timeout::TimeoutBody;

/// The time for the head of an answer. An API server gives a request at most 60 s (`--request-timeout` of kube-apiserver), and a
/// watch has its head at once.
const HEAD: Duration = Duration::from_secs(75);
/// The time between two parts of an answer. kube-runtime gives up a watch that is silent for 295 s, and waits for a list for ever
/// (`next_with_idle_timeout` in its `watcher.rs`).
const SILENCE: Duration = Duration::from_secs(310);

/// Returns a client whose requests fail, and are made again by their watch, where the API server says nothing for too long.
pub(super) fn patient(client: Client) -> Client {
    let service = service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            let answer = timeout(HEAD, client.send(request)).await??;
            Ok::<_, BoxError>(answer.map(|body| TimeoutBody::new(SILENCE, body)))
        }
    });
    // Every request names its namespace.
    Client::new(service, "default")
}
