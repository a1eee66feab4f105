//! Requirements for the files, sockets, devices and secrets within the sandbox's reach.

pub(super) mod devices_minimal;
pub(super) mod filesystem_isolation;
pub(super) mod host_sockets_absent;
pub(super) mod no_token;
pub(super) mod root_read_only;
pub(super) mod secrets_absent;
pub(super) mod system_information_hidden;
