//! How much of the machine the kernel shows, and what of it the probe may use.

pub(crate) mod memory_total;
pub(crate) mod processor_share;
pub(crate) mod processors;
pub(crate) mod quotas;
