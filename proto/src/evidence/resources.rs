//! How much of the machine the kernel shows, and what of it the probe may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::mirrored;
use crate::{Refused, generated, limits::text};

/// How long processor time is measured: many times the period of any quota, and short enough to wait for.
pub const MEASURING: Duration = Duration::from_secs(3);

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

/// What threads got that wanted all they could get.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProcessorShare {
    /// One a processor.
    pub threads: u32,
    /// In microseconds.
    pub elapsed_us: u64,
    /// How much of that time they did not run, together.
    pub lost_us: u64,
}

mirrored!(MemoryTotal { bytes });

mirrored!(Processors { schedulable, online });

// === impl ProcessorShare ===

impl ProcessorShare {
    /// How many processors they had, in thousandths.
    pub fn millis(&self) -> u64 {
        let most = u64::from(self.threads).saturating_mul(self.elapsed_us);
        most.saturating_sub(self.lost_us).saturating_mul(1000).checked_div(self.elapsed_us).unwrap_or(0)
    }
}

impl From<ProcessorShare> for generated::ProcessorShare {
    fn from(ProcessorShare { threads, elapsed_us, lost_us }: ProcessorShare) -> Self {
        Self { threads, elapsed_us, lost_us }
    }
}

impl TryFrom<generated::ProcessorShare> for ProcessorShare {
    type Error = Refused;

    fn try_from(message: generated::ProcessorShare) -> Result<Self, Refused> {
        let generated::ProcessorShare { threads, elapsed_us, lost_us } = message;
        let most = u64::from(threads).saturating_mul(elapsed_us);
        if most == 0 {
            return Err(Refused::OutOfRange { field: "elapsed_us" });
        }
        if lost_us > most {
            return Err(Refused::OutOfRange { field: "lost_us" });
        }
        Ok(Self { threads, elapsed_us, lost_us })
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_the_time_that_all_threads_had() {
        let share = ProcessorShare { threads: 2, elapsed_us: 3_000_000, lost_us: 4_500_000 };
        assert_eq!(share.millis(), 500);
        assert_eq!(ProcessorShare::try_from(generated::ProcessorShare::from(share)), Ok(share));
    }

    #[test]
    fn a_share_of_no_time_or_of_less_than_none_is_refused() {
        for (threads, elapsed_us, lost_us, field) in
            [(0, 1, 0, "elapsed_us"), (1, 0, 0, "elapsed_us"), (2, 3, 7, "lost_us")]
        {
            let message = generated::ProcessorShare { threads, elapsed_us, lost_us };
            assert_eq!(ProcessorShare::try_from(message), Err(Refused::OutOfRange { field }));
        }
    }
}
