//! Pure judges: the same case under the same policy gives the same findings, verdict and exit code.

pub mod catalogue;
mod evidence;
pub mod exit;
mod filesystem;
pub mod finding;
pub mod gvisor;
#[cfg(test)]
mod lattice;
mod limits;
pub(crate) mod network;
pub mod platforms;
pub mod policy;
mod privilege;
mod processes;
#[cfg(test)]
mod properties;
pub mod requirement;
mod runtime;
pub mod verdict;
