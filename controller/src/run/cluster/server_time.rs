//! The API server's time, which every answer bears, a refusal too.

use http::{Request, Response, header::DATE};
use jiff::{Timestamp, fmt::rfc2822};
use kube::{Client, client::Body};
use tokio::time::Instant;

/// A path that every account may read (kubernetes.io, "Using RBAC Authorization", "API discovery roles").
const PATH: &str = "/api";

/// The API server's time at a moment, from which it goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerTime {
    time: Timestamp,
    at: Instant,
}

impl ServerTime {
    /// Asks for the time; `None` if the answer bears none.
    pub(super) async fn ask(client: &Client) -> kube::Result<Option<Self>> {
        let at = Instant::now();
        let request = Request::get(PATH).body(Body::empty()).map_err(kube::Error::HttpError)?;
        Ok(of(&client.send(request).await?).map(|time| Self { time, at }))
    }

    /// Returns the time now.
    pub(super) fn now(self) -> Timestamp {
        self.time.checked_add(self.at.elapsed()).unwrap_or(Timestamp::MAX)
    }
}

/// Returns the time of an answer; `None` if it bears none.
pub(super) fn of<T>(answer: &Response<T>) -> Option<Timestamp> {
    let date = answer.headers().get(DATE)?.to_str().ok()?;
    rfc2822::parse(date).ok().map(|time| time.timestamp())
}
