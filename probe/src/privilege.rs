//! What the probe's own process may do.

pub(crate) mod capabilities;
pub(crate) mod credentials;
pub(crate) mod namespaces;
pub(crate) mod seccomp;
