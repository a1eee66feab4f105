//! The number of processors that a program finds.

use nix::{
    sched::{CpuSet, sched_getaffinity},
    unistd::Pid,
};
use proto::{Observation, Processors};

use crate::vantage::{Vantage, understood};

pub(crate) fn observe(vantage: &Vantage) -> Observation<Processors> {
    let schedulable = match schedulable() {
        Ok(schedulable) => schedulable,
        Err(errno) => return Observation::failed(errno.desc()),
    };
    let online = match understood(vantage.text("/sys/devices/system/cpu/online"), |list| named(&list)) {
        Observation::Absent => vantage.text("/proc/cpuinfo").map(|text| listed(&text)),
        seen => seen,
    };
    online.map(|online| Processors { schedulable: u32::try_from(schedulable).unwrap_or(u32::MAX), online })
}

/// Returns the number of processors on which this thread may run.
pub(super) fn schedulable() -> nix::Result<usize> {
    let set = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count()).filter(|&processor| set.is_set(processor) == Ok(true)).count())
}

/// Returns the number of processors in a list such as "0-3,6" (cpuset(7), list format).
fn named(list: &str) -> Result<u32, String> {
    let unclear = || format!("no list of processors: {}", list.trim());
    let mut count = 0_u32;
    for range in list.trim().split(',') {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let from: u32 = from.parse().map_err(|_| unclear())?;
        let to: u32 = to.parse().map_err(|_| unclear())?;
        let length = to.checked_sub(from).and_then(|length| length.checked_add(1)).ok_or_else(unclear)?;
        count = count.checked_add(length).ok_or_else(unclear)?;
    }
    Ok(count)
}

/// Returns the number of processors in `/proc/cpuinfo`.
fn listed(cpuinfo: &str) -> u32 {
    let processors =
        cpuinfo.lines().filter(|line| line.split(':').next().map(str::trim) == Some("processor"));
    u32::try_from(processors.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_single_processors_are_counted() {
        assert_eq!(named("0-3,6\n"), Ok(5));
        assert_eq!(named("0\n"), Ok(1));
    }

    #[test]
    fn a_malformed_list_is_refused() {
        for list in ["", "a", "3-1", "0-4294967295", "1,"] {
            assert!(named(list).is_err(), "{list}");
        }
    }

    #[test]
    fn each_block_of_cpuinfo_counts_as_one_processor() {
        assert_eq!(listed("processor\t: 0\nvendor_id\t: x\n\nprocessor\t: 1\n"), 2);
    }
}
