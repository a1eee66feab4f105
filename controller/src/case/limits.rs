//! Resource limits of a sandbox.

/// Limits of memory, processor time and processes; `None` means unlimited.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// The memory in bytes.
    pub memory: Option<u64>,
    /// The processor time in thousandths of a processor.
    pub cpu_millis: Option<u64>,
    /// The number of processes and threads.
    pub pids: Option<u64>,
}
