//! The API server's time, which every answer bears, a refusal too.

use std::time::Duration;

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

    /// Returns the time since the answer.
    pub(super) fn age(self) -> Duration {
        self.at.elapsed()
    }

    /// Returns the time now.
    pub(super) fn now(self) -> Timestamp {
        self.time.checked_add(self.at.elapsed()).unwrap_or(Timestamp::MAX)
    }
}

/// The start of a run, by two clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// The start by this machine's clock, which stands still while the machine sleeps.
    pub(crate) at: Instant,
    /// The time of the API server's first answer; `None` if no answer bore a time.
    pub(crate) answered: Option<Timestamp>,
}

impl Start {
    /// Returns the API server's time of the start, given its time now: the earlier one of what both clocks say. `None` for a time that
    /// does not exist.
    pub(super) fn by(self, now: Timestamp) -> Option<Timestamp> {
        let by_own = now.checked_sub(self.at.elapsed()).ok()?;
        Some(self.answered.map_or(by_own, |answered| answered.min(by_own)))
    }
}

/// Returns the time of an answer; `None` if it bears none.
pub(super) fn of<T>(answer: &Response<T>) -> Option<Timestamp> {
    let date = answer.headers().get(DATE)?.to_str().ok()?;
    rfc2822::parse(date).ok().map(|time| time.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_000_000, 0);

    fn start(answered: Option<i64>) -> Timestamp {
        let answered = answered.map(|seconds| Timestamp::constant(seconds, 0));
        Start { at: Instant::now(), answered }.by(NOW).unwrap()
    }

    #[test]
    fn a_machine_that_slept_makes_no_run_younger() {
        assert_eq!(start(Some(990_000)), Timestamp::constant(990_000, 0));
    }

    #[test]
    fn a_later_answer_makes_no_run_younger() {
        assert!(start(Some(1_000_001)) <= NOW && start(None) <= NOW);
    }
}
