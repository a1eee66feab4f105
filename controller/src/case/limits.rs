//! Limits as a sandbox is given them.

use serde::{Deserialize, Serialize};

/// Memory, processor time, processes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Limits {
    /// In bytes.
    pub memory: Option<u64>,
    /// In thousandths of a processor.
    pub cpu_millis: Option<u64>,
    /// Processes and threads.
    #[serde(default)]
    pub pids: Option<u64>,
}
