//! The controller: launches probes, receives their evidence, judges it against what production requires, and ends with a
//! verdict and an exit code.
//!
//! `verify` is the driver and reads as a list of phases. What decides is pure: [`requirement`], [`gvisor`], [`verdict`],
//! [`report`] know no client and no runtime. What touches the world is [`survey`], [`launch`] and [`collect`].
#![forbid(unsafe_code)]

pub mod breach;
pub mod bundle;
pub mod case;
mod cli;
mod clock;
pub mod cluster;
pub mod collect;
mod deliver;
pub mod destination;
pub mod diff;
pub mod digest;
mod doctor;
mod embedded;
mod endpoint;
pub mod environment;
pub mod exit;
pub mod file;
pub mod finding;
#[cfg(test)]
mod fixture;
pub mod gvisor;
pub mod identity;
pub mod image;
mod interrupt;
pub mod launch;
pub mod leftover;
pub mod limits;
pub mod manifest;
pub mod names;
pub mod permission;
pub mod plan;
pub mod policy;
pub mod profile;
mod progress;
pub mod record;
pub mod report;
pub mod requirement;
pub mod saved;
pub mod survey;
pub mod verdict;
mod verify;
mod witness;

pub use cli::run;
