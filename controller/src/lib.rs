//! The controller: launches probes, receives their evidence, judges it against production requirements, and ends with a
//! verdict and an exit code.
//!
//! [`run`] touches the world: it surveys, launches and collects. [`plan`], [`judge`] and [`report`] are pure; they meet the
//! world only in [`case`], the data that a judge may read. `cli` connects them.
#![forbid(unsafe_code)]

pub mod case;
mod cli;
pub mod evidence;
#[cfg(test)]
mod fixture;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
pub mod image;
pub mod judge;
pub mod plan;
pub mod report;
pub mod run;
pub mod support;

pub use cli::run as run_command_line;
#[doc(hidden)]
pub use cli::simulate;
