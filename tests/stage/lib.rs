//! Props of the tests: the controller as a user runs it, worlds and a cluster to run it in, and a ground that finds
//! everything a run left behind.
#![forbid(unsafe_code)]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on ends here"
)]

pub mod attempt;
pub mod bundle;
pub mod cluster;
pub mod corpus;
pub mod digest;
#[cfg(feature = "sandbox")]
pub mod filter;
#[cfg(feature = "sandbox")]
pub mod fingerprint;
pub mod ground;
pub mod invocation;
pub mod machine;
pub mod network;
pub mod policies;
pub mod registry;
pub mod run;
pub mod spare;
pub mod texts;
pub mod trace;
pub mod worlds;

pub use attempt::attempt;
pub use cluster::Cluster;
pub use digest::sha256;
pub use ground::Ground;
pub use invocation::Invocation;
pub use network::Network;
pub use registry::Registry;
pub use run::{Ended, controller};
