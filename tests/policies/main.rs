//! The model of policies, and the reading of privileges, beside truth tables that others wrote. Programs of the tests, built from
//! Go modules, print the cases and what is expected of them.
#![forbid(unsafe_code)]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends here"
)]

mod cyclonus;
mod empties;
mod examples;
mod specs;
mod standards;
