//! The faults that can meet one request.

use http::StatusCode;

/// A fault at one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// The connection is cut, and the request has no effect.
    CutBefore,
    /// The connection is cut after the request took effect.
    CutAfter,
    /// The API server refuses with this status.
    Status(u16),
    /// The API server forbids a watch of the run's pods, as it does before it has read its roles.
    Forbidden,
    /// A proxy before the API server answers with "502 Bad Gateway" and this body.
    Proxy(&'static str),
    /// The API server answers after four seconds, and the request takes effect then.
    Late,
    /// The API server never answers, and the request has no effect.
    Hang,
    /// The API server never answers, and the request takes effect.
    HangAfter,
    /// A list is as old as the third last change.
    Stale,
    /// A watch, or the output of an exec, is cut after this number of events or messages.
    CutStream(u16),
    /// The output of an exec stops after this number of messages, and its connection stays open.
    Stall(u16),
    /// A watch leaves the event with this number out.
    Missed(u16),
    /// A watch tells the event with this number twice.
    Repeated(u16),
    /// A watch ends with "410 Gone" in the place of its first event.
    Expired,
    /// The kubelet evicts every pod of the run.
    Evicted,
    /// The first node is removed with its pods.
    NodeGone,
    /// A Service comes that leads to pods of the workload that are not ready.
    ServiceCame,
    /// The controller gets the signal INT or TERM.
    Interrupt,
    /// The controller is killed.
    Kill,
}

/// The number of a watch's events at which each is missed and repeated. A run's watches have no more without faults.
pub(crate) const EVENTS: u16 = 16;

impl Fault {
    /// The faults that are tried everywhere, and of which pairs are drawn.
    pub(crate) const ALL: &[Self] = &[
        Self::CutBefore,
        Self::CutAfter,
        Self::Status(StatusCode::CONFLICT.as_u16()),
        Self::Status(StatusCode::TOO_MANY_REQUESTS.as_u16()),
        Self::Status(StatusCode::INTERNAL_SERVER_ERROR.as_u16()),
        Self::Status(StatusCode::SERVICE_UNAVAILABLE.as_u16()),
        Self::Forbidden,
        Self::Hang,
        Self::HangAfter,
        Self::Stale,
        Self::CutStream(1),
        Self::CutStream(2),
        Self::CutStream(6),
        Self::CutStream(20),
        Self::CutStream(40),
        Self::CutStream(41),
        Self::CutStream(42),
        Self::CutStream(43),
        Self::CutStream(44),
        Self::CutStream(45),
        Self::CutStream(46),
        Self::Stall(6),
        Self::Missed(2),
        Self::Missed(5),
        Self::Repeated(2),
        Self::Expired,
        Self::Evicted,
        Self::NodeGone,
        Self::ServiceCame,
        Self::Interrupt,
        Self::Kill,
    ];

    /// Returns every fault that is tried alone.
    pub(crate) fn each() -> impl Iterator<Item = Self> {
        let events = (1..=EVENTS).flat_map(|number| [Self::Missed(number), Self::Repeated(number)]);
        Self::ALL.iter().copied().chain(events.filter(|fault| !Self::ALL.contains(fault)))
    }

    /// Returns true if a request can meet the fault.
    pub(crate) fn meets(self, request: &str) -> bool {
        let is_exec = request.contains("/exec?");
        let is_watch = request.contains("watch=true");
        match self {
            Self::Stale => request.starts_with("GET") && !is_exec && !is_watch,
            Self::CutStream(after) => is_exec || (is_watch && after <= 2),
            Self::Stall(_) => is_exec,
            Self::Forbidden => is_watch && request.contains("/pods?"),
            Self::Missed(_) | Self::Repeated(_) | Self::Expired => is_watch,
            _ => true,
        }
    }
}
