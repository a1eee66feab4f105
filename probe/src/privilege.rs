//! The rights of the probe's own process, and of the processes that it can see.

pub(crate) mod capabilities;
pub(crate) mod credentials;
pub(crate) mod namespaces;
pub(crate) mod processes;
pub(crate) mod seccomp;
