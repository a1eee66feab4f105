//! The machine's memory and processors as the kernel shows them, and the share that the probe may use.

pub(crate) mod memory_total;
pub(crate) mod processor_share;
pub(crate) mod processors;
pub(crate) mod quotas;
