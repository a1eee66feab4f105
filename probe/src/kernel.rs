//! Facts about the kernel that answers the probe.

pub(crate) mod auxiliary_vector;
pub(crate) mod boot_id;
pub(crate) mod call_answers;
pub(crate) mod fault_frame;
pub(crate) mod kernel_banner;
pub(crate) mod kernel_log;
pub(crate) mod kernel_name;
pub(crate) mod sentry_meminfo;
pub(crate) mod vdso_image;
