//! The files that the probe can reach.

pub(crate) mod account_list;
pub(crate) mod devices;
pub(crate) mod host_sentinels;
pub(crate) mod host_sockets;
pub(crate) mod identifiers;
pub(crate) mod kernel_files;
pub(crate) mod mounts;
pub(crate) mod root_filesystem;
pub(crate) mod secrets;
pub(crate) mod shadow;
