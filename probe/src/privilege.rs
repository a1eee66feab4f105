//! The rights of the probe's own process.

pub(crate) mod capabilities;
pub(crate) mod credentials;
pub(crate) mod namespaces;
pub(crate) mod seccomp;
