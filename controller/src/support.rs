//! Small pieces that every room may use: files, digests, the clock, architectures and names.

pub mod architecture;
pub(crate) mod clock;
pub mod credentials;
pub mod digest;
pub(crate) mod envelope;
pub mod file;
pub(crate) mod gzip;
pub mod names;
pub(crate) mod printable;
pub(crate) mod proof;
pub(crate) mod signing;
pub(crate) mod uncommon_user;
#[doc(hidden)]
pub mod world;
