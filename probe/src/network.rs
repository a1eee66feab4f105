//! How far the probe's network reaches, by what it shows; attempts are made by [`crate::egress`].

pub(crate) mod interfaces;
pub(crate) mod routes;
pub(crate) mod socket_defaults;
