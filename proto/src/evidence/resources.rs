//! How much of the machine the kernel shows.

use serde::{Deserialize, Serialize};

use super::mirrored;

/// sysinfo(2).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct MemoryTotal {
    /// In bytes.
    pub bytes: u64,
}

/// How many processors a program finds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Processors {
    /// Those on which the probe may run.
    pub schedulable: u32,
    /// Those that are online.
    pub online: u32,
}

mirrored!(MemoryTotal { bytes });

mirrored!(Processors { schedulable, online });
