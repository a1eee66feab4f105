//! How much of the machine the kernel shows.

pub(crate) mod memory_total;
pub(crate) mod processors;
