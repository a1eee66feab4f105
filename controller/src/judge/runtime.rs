//! Requirements for the kernel that answers, and for its settings.

mod host_process;
pub(super) mod runtime_class_exists;
pub(super) mod runtime_class_used;
pub(super) mod runtime_hardening;
pub(super) mod runtime_isolation;
pub(super) mod runtime_settings;
