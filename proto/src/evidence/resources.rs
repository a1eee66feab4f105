//! The machine's memory and processors as the kernel shows them, and the share that the probe may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::mirrored;
use crate::{Refused, generated, limits::text};

/// The duration of the measurement of processor time: many times the period of any quota, and short enough to wait for.
pub const MEASURING: Duration = Duration::from_secs(3);

/// The total memory by sysinfo(2).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryTotal {
    /// The total memory in bytes.
    pub bytes: u64,
}

/// The number of processors that a program finds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Processors {
    /// The number of processors on which the probe may run.
    pub schedulable: u32,
    /// The number of processors that are online.
    pub online: u32,
}

/// The limits in the files of the probe's own control groups; a limit without a file is `None`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    /// The memory limit in bytes; `None` if there is no file.
    pub memory: Option<Quota>,
    /// The processor limit in thousandths of a processor; `None` if there is no file.
    pub cpu_millis: Option<Quota>,
    /// The limit of processes and threads; `None` if there is no file.
    pub pids: Option<Quota>,
}

/// The limit that one file states.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// The path of the file.
    pub file: String,
    /// The limit; `None` if the file states that there is no limit.
    pub limit: Option<u64>,
}

/// The processor time of threads that demanded all of it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessorShare {
    /// The number of threads, one for each processor.
    pub threads: u32,
    /// The length of the measurement in microseconds.
    pub elapsed_us: u64,
    /// The time during which the threads did not run, summed over all threads, in microseconds.
    pub lost_us: u64,
}

mirrored!(MemoryTotal { bytes });

mirrored!(Processors { schedulable, online });

// === impl ProcessorShare ===

impl ProcessorShare {
    /// Returns the processor time of all threads together, in thousandths of a processor.
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
    fn a_share_counts_the_time_of_all_threads() {
        let share = ProcessorShare { threads: 2, elapsed_us: 3_000_000, lost_us: 4_500_000 };
        assert_eq!(share.millis(), 500);
        assert_eq!(ProcessorShare::try_from(generated::ProcessorShare::from(share)), Ok(share));
    }

    #[test]
    fn a_share_of_zero_or_negative_time_is_refused() {
        for (threads, elapsed_us, lost_us, field) in
            [(0, 1, 0, "elapsed_us"), (1, 0, 0, "elapsed_us"), (2, 3, 7, "lost_us")]
        {
            let message = generated::ProcessorShare { threads, elapsed_us, lost_us };
            assert_eq!(ProcessorShare::try_from(message), Err(Refused::OutOfRange { field }));
        }
    }
}
