//! The contract between the probe inside a sandbox and the controller outside: the messages, without any judgement of
//! their meaning.
//!
//! The schema under `schema/` is the specification; [`generated`] is made from it and committed. The receiver parses each
//! message into the types of this crate, or refuses it with a [`Refused`]. A parsed message has every field that the
//! schema demands.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod assignment;
pub mod delivery;
pub mod evidence;
pub mod limits;
pub mod listener;
pub mod observation;
pub mod observer;
mod refused;
pub mod worker;

pub use assignment::{Assignment, Budget, Introduction, Nonce, Protocol, Target};
pub use delivery::Delivery;
pub use evidence::*;
pub use observation::{Observation, Observed};
pub use observer::{Evidence, Fact, Observer};
pub use refused::Refused;

/// The version of the schema that this crate speaks. Probe and controller must have the same version.
pub const SCHEMA_VERSION: u32 = 4;

/// The messages and the service, generated from `schema/` by `make generated`.
#[expect(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    reason = "generated; the schema carries the documentation"
)]
#[cfg_attr(any(feature = "client", feature = "server"), expect(unused_qualifications, reason = "generated"))]
#[cfg_attr(feature = "server", expect(clippy::allow_attributes, reason = "generated"))]
pub mod generated {
    include!("generated/podproof.v1.rs");
}
