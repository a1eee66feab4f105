//! The network's configuration as it shows in the sandbox; [`crate::egress`] attempts to reach targets.

pub(crate) mod interfaces;
pub(crate) mod routes;
pub(crate) mod socket_defaults;
