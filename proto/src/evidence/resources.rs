//! How much of the machine the kernel shows.

use serde::{Deserialize, Serialize};

use crate::{Refused, generated};

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

impl From<MemoryTotal> for generated::MemoryTotal {
    fn from(MemoryTotal { bytes }: MemoryTotal) -> Self {
        Self { bytes }
    }
}

impl TryFrom<generated::MemoryTotal> for MemoryTotal {
    type Error = Refused;

    fn try_from(generated::MemoryTotal { bytes }: generated::MemoryTotal) -> Result<Self, Refused> {
        Ok(Self { bytes })
    }
}

impl From<Processors> for generated::Processors {
    fn from(Processors { schedulable, online }: Processors) -> Self {
        Self { schedulable, online }
    }
}

impl TryFrom<generated::Processors> for Processors {
    type Error = Refused;

    fn try_from(message: generated::Processors) -> Result<Self, Refused> {
        let generated::Processors { schedulable, online } = message;
        Ok(Self { schedulable, online })
    }
}
