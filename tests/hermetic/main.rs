//! Tests that need no root, no runtime and no network.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod border;
mod deploy;
mod evidence;
mod image;
mod policy;
mod reports;
mod usage;
