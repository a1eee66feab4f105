//! Facts about the kernel that serves the probe.

pub(crate) mod auxiliary_vector;
pub(crate) mod boot_id;
pub(crate) mod call_answers;
pub(crate) mod call_duration;
pub(crate) mod call_site;
pub(crate) mod fault_frame;
pub(crate) mod gs_pointer;
pub(crate) mod kernel_banner;
pub(crate) mod kernel_log;
pub(crate) mod kernel_name;
pub(crate) mod markers;
pub(crate) mod processor_identity;
pub(crate) mod procfs_tree;
pub(crate) mod segment_registers;
pub(crate) mod sentry_meminfo;
pub(crate) mod time_page;
pub(crate) mod vdso_image;
