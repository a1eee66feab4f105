//! Breaches of the protocol, by the rule that a delivery broke.

use proto::{Observer, Refused, SCHEMA_VERSION};

/// The remedy for an image that a node cannot pull.
pub const PULLABLE: &str = "push the image where the nodes can pull it, and give `--image-pull-secret NAME` if the registry is private";

/// A breach of the protocol by a probe.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Breach {
    /// The probe never spoke.
    #[error("the probe never spoke")]
    Silent,
    /// No probe was started, for this reason.
    #[error("no probe was started: {0}")]
    NotLaunched(String),
    /// No probe was started, because its node could not pull the image, for this reason.
    #[error("no probe was started: the node could not pull the probe's image: {0}; {PULLABLE}")]
    NotPulled(String),
    /// The probe ran on another node than planned.
    #[error("the probe was planned for node {planned} and ran on {ran}")]
    OtherNode {
        /// The planned node's name.
        planned: String,
        /// The actual node's name.
        ran: String,
    },
    /// The pod had another container after the evidence than before.
    #[error("the probe's container changed during the run: {0}")]
    OtherContainer(String),
    /// The cluster did not tell the container that ran the probe.
    #[error("the cluster did not tell the probe's container, so that nothing shows which image it ran")]
    NoContainer,
    /// A message could not be parsed.
    #[error("a message was refused: {0}")]
    Refused(#[from] Refused),
    /// The probe speaks another version of the schema.
    #[error(
        "the probe speaks version {spoken} of the schema; this controller speaks version {SCHEMA_VERSION}"
    )]
    SchemaVersion {
        /// The probe's version.
        spoken: u32,
    },
    /// The probe lacks an assigned observer.
    #[error("the probe cannot observe {}", .0.id())]
    Lacking(Observer),
    /// The probe repeated a call.
    #[error("the probe made the call {0} twice")]
    Twice(&'static str),
    /// Observations came before an introduction.
    #[error("the probe delivered before its introduction")]
    Unasked,
    /// A message belongs to another run.
    #[error("a message has another run's nonce")]
    WrongNonce,
    /// An observer answered without being assigned.
    #[error("{} was delivered but not assigned", .0.id())]
    Unassigned(Observer),
    /// The attempts differ from the assigned targets.
    #[error("the attempts differ from the assigned targets")]
    OtherTargets,
    /// An observer answered twice.
    #[error("{} was delivered twice", .0.id())]
    Repeated(Observer),
    /// The probe's count differs from the controller's.
    #[error("the probe claims {claimed} of {expected} observations; {received} were received")]
    Miscounted {
        /// The number that the probe claims.
        claimed: u32,
        /// The number of received observations.
        received: usize,
        /// The number of assigned observations.
        expected: usize,
    },
    /// The stream ended before the evidence was closed.
    #[error("the evidence was not closed: {received} of {expected} observations were received")]
    Unclosed {
        /// The number of received observations.
        received: usize,
        /// The number of assigned observations.
        expected: usize,
    },
    /// The transport refused the probe's stream.
    #[error("the stream broke: {0}")]
    Stream(String),
    /// The probe sent more bytes than any evidence needs.
    #[error("the probe sent more than {limit} bytes")]
    Flood {
        /// The largest accepted number of bytes.
        limit: u64,
    },
    /// The probe's process ended before it was released.
    #[error("the probe ended early: {0}")]
    Ended(String),
    /// Any breach, in the words of a saved file.
    #[error("{0}")]
    Saved(String),
}
