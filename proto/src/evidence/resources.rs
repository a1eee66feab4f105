//! How much of the machine the kernel shows, and what of it the probe may use.

use serde::{Deserialize, Serialize};

use super::mirrored;
use crate::{Refused, generated, limits::text};

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

/// What the files of the probe's own control groups say; `None` for what has no such file.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Quotas {
    /// In bytes.
    pub memory: Option<Quota>,
    /// In thousandths of a processor.
    pub cpu_millis: Option<Quota>,
    /// Processes and threads.
    pub pids: Option<Quota>,
}

/// What one file says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Quota {
    /// Its path.
    pub file: String,
    /// `None` where it says that there is no limit.
    pub limit: Option<u64>,
}

mirrored!(MemoryTotal { bytes });

mirrored!(Processors { schedulable, online });

// === impl Quotas ===

impl From<Quotas> for generated::Quotas {
    fn from(Quotas { memory, cpu_millis, pids }: Quotas) -> Self {
        let [memory, cpu_millis, pids] = [memory, cpu_millis, pids].map(|quota| quota.map(Into::into));
        Self { memory, cpu_millis, pids }
    }
}

impl TryFrom<generated::Quotas> for Quotas {
    type Error = Refused;

    fn try_from(message: generated::Quotas) -> Result<Self, Refused> {
        let generated::Quotas { memory, cpu_millis, pids } = message;
        let quota = |quota: Option<generated::Quota>| quota.map(Quota::try_from).transpose();
        Ok(Self { memory: quota(memory)?, cpu_millis: quota(cpu_millis)?, pids: quota(pids)? })
    }
}

// === impl Quota ===

impl From<Quota> for generated::Quota {
    fn from(Quota { file, limit }: Quota) -> Self {
        Self { file, limit }
    }
}

impl TryFrom<generated::Quota> for Quota {
    type Error = Refused;

    fn try_from(generated::Quota { file, limit }: generated::Quota) -> Result<Self, Refused> {
        Ok(Self { file: text("file", file)?, limit })
    }
}
