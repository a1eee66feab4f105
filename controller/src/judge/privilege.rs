//! Requirements for the process's own privileges.

pub(super) mod least_privilege;
