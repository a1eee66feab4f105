//! An API server of a test: a function that answers requests, and the log of the requests.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::time::sleep;

/// The time that an answer takes.
const ANSWER: Duration = Duration::from_millis(1);

/// The requests of a test.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Logged>>);

#[derive(Debug, Default)]
struct Logged {
    requests: Vec<String>,
    in_flight: usize,
    most_in_flight: usize,
}

impl Log {
    /// Returns method and path of each request, in their order.
    pub(super) fn requests(&self) -> Vec<String> {
        self.0.lock().unwrap().requests.clone()
    }

    /// Returns the most requests that waited for an answer at once.
    pub(super) fn most_in_flight(&self) -> usize {
        self.0.lock().unwrap().most_in_flight
    }

    fn begin(&self, request: String) {
        let mut logged = self.0.lock().unwrap();
        logged.requests.push(request);
        logged.in_flight += 1;
        logged.most_in_flight = logged.most_in_flight.max(logged.in_flight);
    }

    fn end(&self) {
        self.0.lock().unwrap().in_flight -= 1;
    }
}

/// Returns a client whose requests a function answers: with a status and an object for method and path, or null for the object that
/// was sent. A watch has no event.
pub(super) fn client(answer: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> (Client, Log) {
    let (log, answer) = (Log::default(), Arc::new(answer));
    let logged = log.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (log, answer) = (logged.clone(), Arc::clone(&answer));
        async move {
            let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
            if path.contains("watch=true") {
                std::future::pending::<()>().await;
            }
            let (parts, sent) = request.into_parts();
            let request = format!("{} {path}", parts.method);
            log.begin(request.clone());
            sleep(ANSWER).await;
            let (status, object) = answer(&request);
            log.end();
            let body = if object.is_null() { sent } else { Body::from(object.to_string().into_bytes()) };
            Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap())
        }
    });
    (Client::new(service, "default"), log)
}

/// Returns a list of objects, with the token of its continuation.
pub(super) fn list(items: &[Value], token: Option<&str>) -> (u16, Value) {
    (200, json!({ "kind": "List", "apiVersion": "v1", "metadata": { "continue": token }, "items": items }))
}

/// Returns a refusal.
pub(super) fn status(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason,
    });
    (code, status)
}
