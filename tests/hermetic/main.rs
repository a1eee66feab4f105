//! Tests that need no root, no runtime and no network.
#![forbid(unsafe_code)]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod attestations;
mod border;
mod deploy;
mod earlier;
mod evidence;
mod gate_job;
mod gates;
mod help;
mod image;
mod policy;
mod proofs;
mod report_v1;
mod reports;
mod reviews;
mod usage;
mod ways;
