//! The pace of all requests: a few wait for their answers at once, and a request is made again when the API server asks for a
//! later attempt.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::made::{Kind, Made};
use crate::run::cluster::server_time;

/// The most requests that wait for an answer at once, besides those whose answer has no end. Each has a connection of its own.
const AT_ONCE: usize = 32;
/// The most attempts at one request. A caller with a deadline asks again.
const ATTEMPTS: u32 = 5;
/// The pause before the second attempt where the server names no time; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause, whatever time the server names.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The requests of all clients of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    slots: Arc<Semaphore>,
    made: Made,
    /// The time of the API server's first answer.
    answered: Arc<OnceLock<Timestamp>>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { slots: Arc::new(Semaphore::new(AT_ONCE)), made: Made::default(), answered: Arc::default() }
    }
}

impl Pace {
    /// Returns the requests so far.
    pub(crate) const fn made(&self) -> &Made {
        &self.made
    }

    /// Returns the time of the first answer, by the API server's clock; `None` if no answer bore a time.
    pub(crate) fn answered(&self) -> Option<Timestamp> {
        self.answered.get().copied()
    }

    /// Takes the time of an answer if it is the first one. A refusal may be a proxy's, whose clock is another one.
    pub(super) fn note<B>(&self, answer: &Response<B>) {
        if answer.status().is_success()
            && let Some(time) = server_time::of(answer)
        {
            self.answered.get_or_init(|| time);
        }
    }

    pub(super) fn count<B>(&self, request: &Request<B>) {
        self.made.count(Kind::of(request));
    }

    /// Waits until a request may be made. A request whose answer lasts needs no slot: the number of watches and of processes in
    /// pods has other bounds.
    pub(super) async fn slot(&self, lasts: bool) -> Option<OwnedSemaphorePermit> {
        if lasts { None } else { Arc::clone(&self.slots).acquire_owned().await.ok() }
    }
}

/// Returns true if the request changes nothing, so that it may be made again.
pub(super) fn is_reading<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET && !request.headers().contains_key(header::UPGRADE)
}

/// Returns true for a watch and for a process in a pod.
pub(super) fn lasts<B>(request: &Request<B>) -> bool {
    let is_watch = request.uri().query().is_some_and(|query| query.split('&').any(|it| it == "watch=true"));
    is_watch || request.headers().contains_key(header::UPGRADE)
}

/// Returns the time after which a request is made again; `None` if its answer counts. A request that the server refuses for now
/// did nothing; without a time in the answer, only a reading request is made again at once.
pub(super) fn pause(
    is_reading: bool,
    (status, headers): (StatusCode, &HeaderMap),
    attempt: u32,
) -> Option<Duration> {
    let is_for_now = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    let named = headers.get(header::RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
    let pause = match (status, named.map(Duration::from_secs)) {
        // The gateway may have passed the request on.
        (StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT, _) | (_, None) if !is_reading => return None,
        (_, Some(named)) => named,
        (_, None) => FIRST_PAUSE * 2_u32.saturating_pow(attempt),
    };
    (is_for_now && attempt + 1 < ATTEMPTS).then_some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn paused(is_reading: bool, status: u16, named: Option<&'static str>, attempt: u32) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.extend(named.map(|named| (header::RETRY_AFTER, HeaderValue::from_static(named))));
        pause(is_reading, (StatusCode::from_u16(status).unwrap(), &headers), attempt)
    }

    #[test]
    fn a_time_that_the_server_names_is_kept() {
        assert_eq!(paused(false, 429, Some("2"), 0), Some(Duration::from_secs(2)));
        assert_eq!(paused(false, 503, Some("1"), 3), Some(Duration::from_secs(1)));
        assert_eq!(paused(true, 429, Some("3600"), 0), Some(LONGEST_PAUSE));
    }

    #[test]
    fn only_a_reading_request_is_made_again_without_a_time() {
        assert_eq!(paused(true, 503, None, 1), Some(FIRST_PAUSE * 2));
        assert_eq!(paused(false, 429, None, 0), None);
        assert_eq!(paused(true, 502, None, 1), Some(FIRST_PAUSE * 2));
        assert_eq!([502, 504].map(|status| paused(false, status, Some("1"), 0)), [None; 2]);
    }

    #[test]
    fn an_answer_counts_after_some_attempts() {
        assert_eq!(paused(true, 429, Some("1"), ATTEMPTS - 1), None);
        assert_eq!(paused(true, 200, Some("1"), 0), None);
        assert_eq!(paused(true, 500, None, 0), None);
    }

    #[test]
    fn the_first_success_tells_the_time_of_the_start() {
        let pace = Pace::default();
        for (status, second) in [(502, 1), (200, 2), (200, 3)] {
            let date = format!("Thu, 01 Jan 2026 00:00:0{second} GMT");
            pace.note(&Response::builder().status(status).header(header::DATE, date).body(()).unwrap());
        }
        assert_eq!(pace.answered(), Some("2026-01-01T00:00:02Z".parse().unwrap()));
    }

    #[test]
    fn a_watch_and_a_process_in_a_pod_need_no_slot() {
        let request = |uri: &str| Request::get(uri).body(()).unwrap();
        assert!(lasts(&request("/api/v1/pods?&watch=true&timeoutSeconds=290")));
        assert!(!lasts(&request("/api/v1/pods?limit=250")));
        let exec = Request::get("/exec").header(header::UPGRADE, "websocket").body(()).unwrap();
        assert!(lasts(&exec) && !is_reading(&exec));
    }
}
