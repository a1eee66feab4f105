//! What can be wrong with a delivery: the rules of the protocol, each with the name of its breach.

use proto::{Observer, Refused, SCHEMA_VERSION};

/// Everything that can be wrong with what a probe delivers.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Breach {
    /// The probe never spoke.
    #[error("the probe never spoke")]
    Silent,
    /// There was no probe.
    #[error("no probe was started: {0}")]
    NotLaunched(String),
    /// The probe ran on another node than was planned.
    #[error("the probe was planned for node {planned} and ran on {ran}")]
    OtherNode {
        /// Where it was to run.
        planned: String,
        /// Where it ran.
        ran: String,
    },
    /// The container was another one after the evidence than before.
    #[error("the probe's container changed while it was looked at: {0}")]
    OtherContainer(String),
    /// A message makes no sense.
    #[error("a message was refused: {0}")]
    Refused(#[from] Refused),
    /// The probe speaks another version of the schema.
    #[error("the probe speaks version {spoken} of the schema, and this controller {SCHEMA_VERSION}")]
    SchemaVersion {
        /// The probe's.
        spoken: u32,
    },
    /// The probe cannot observe everything.
    #[error("the probe cannot observe {}", .0.id())]
    Lacking(Observer),
    /// A call came a second time.
    #[error("the probe made the call {0} twice")]
    Twice(&'static str),
    /// Observations came before an introduction.
    #[error("the probe delivered before it was asked")]
    Unasked,
    /// A message belongs to another run.
    #[error("a message has another run's nonce")]
    WrongNonce,
    /// An observer answered that was not asked.
    #[error("{} was delivered and not asked for", .0.id())]
    Unassigned(Observer),
    /// The attempts are not those that were asked for.
    #[error("the attempts are not those of the assignment")]
    OtherTargets,
    /// An observer answered a second time.
    #[error("{} was delivered twice", .0.id())]
    Repeated(Observer),
    /// The probe counts otherwise than the controller.
    #[error("the probe says that it sent {claimed} observations, of {expected}; {received} were received")]
    Miscounted {
        /// What the probe says.
        claimed: u32,
        /// What was received.
        received: usize,
        /// What was asked for.
        expected: usize,
    },
    /// The stream ended before the evidence was closed.
    #[error("the evidence was not closed: {received} of {expected} observations were received")]
    Unclosed {
        /// What was received.
        received: usize,
        /// What was asked for.
        expected: usize,
    },
    /// The transport gave up on what the probe sent.
    #[error("the stream broke: {0}")]
    Stream(String),
    /// The probe sent more than any evidence needs.
    #[error("the probe sent more than {limit} bytes")]
    Flood {
        /// The most that is accepted.
        limit: u64,
    },
    /// The probe's process ended before it was told that it may.
    #[error("the probe ended early: {0}")]
    Ended(String),
    /// Any of them, in the words of a saved file.
    #[error("{0}")]
    Saved(String),
}
