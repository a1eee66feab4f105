//! The lines of `/proc/PID/status` (`proc_pid_status(5)`).

use std::path::Path;

use proto::{Credentials, Observation, ProcessKind, ProcessStatus};

use super::file;
use crate::{
    privilege::{capabilities, seccomp},
    process_status::field,
    vantage::understood,
};

pub(super) fn observe(process: &Path) -> Observation<ProcessStatus> {
    understood(file(process, "status"), |bytes| parse(&String::from_utf8_lossy(&bytes)))
}

fn parse(status: &str) -> Result<ProcessStatus, String> {
    let line = |name: &str| field(status, name).ok_or_else(|| format!("there is no line {name}"));
    let number = |text: &str| text.parse::<u32>().map_err(|_| "a line holds no number".to_owned());
    let four = |name: &str| {
        let numbers = line(name)?.split_whitespace().map(number).collect::<Result<Vec<_>, _>>()?;
        <[u32; 4]>::try_from(numbers).map_err(|_| format!("{name} holds other than four numbers"))
    };
    let [real_user, effective_user, saved_user, filesystem_user] = four("Uid")?;
    let [real_group, effective_group, saved_group, filesystem_group] = four("Gid")?;
    let groups = field(status, "Groups").unwrap_or_default().split_whitespace().count();
    Ok(ProcessStatus {
        kind: kind(status)?,
        parent: number(line("PPid")?)?,
        credentials: Credentials {
            real_user,
            effective_user,
            saved_user,
            real_group,
            effective_group,
            saved_group,
            supplementary_groups: u32::try_from(groups).unwrap_or(u32::MAX),
        },
        filesystem_user,
        filesystem_group,
        capabilities: capabilities::parse(status)?,
        seccomp: seccomp::parse(status)?,
    })
}

/// Returns the nature of a process. Linux since 6.8 has the line `Kthread`; before, a process without memory that has not ended is
/// a thread of the kernel (Linux, `fs/proc/array.c`). Every running program of gVisor has the line `VmSize`
/// (`pkg/sentry/fsimpl/proc/task_files.go`).
fn kind(status: &str) -> Result<ProcessKind, String> {
    let state = field(status, "State").ok_or("there is no line State")?;
    let without_memory = || field(status, "VmSize").is_none();
    Ok(match field(status, "Kthread") {
        Some("1") => ProcessKind::KernelThread,
        _ if state.starts_with(['Z', 'X']) => ProcessKind::Zombie,
        None if without_memory() => ProcessKind::KernelThread,
        _ => ProcessKind::Program,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The lines of a root process with a capability in runsc of 2026, shortened.
    pub(in super::super) const ROOT: &str = "State:\tS (sleeping)\nPPid:\t1\nUid:\t0\t0\t0\t4\nGid:\t0\t0\t0\t5\nGroups:\t7 9 \nVmSize:\t10 kB\n\
        CapInh:\t0000000000000000\nCapPrm:\t0000000000080000\nCapEff:\t0000000000080000\nCapBnd:\t0000000000080000\n\
        CapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t0\n";

    #[test]
    fn every_line_is_read() {
        let status = parse(ROOT).unwrap();
        assert_eq!((status.kind, status.parent), (ProcessKind::Program, 1));
        assert_eq!((status.credentials.saved_user, status.credentials.supplementary_groups), (0, 2));
        assert_eq!((status.filesystem_user, status.filesystem_group), (4, 5));
        assert_eq!((status.capabilities.effective, status.seccomp.no_new_privs), (1 << 19, Some(false)));
    }

    #[test]
    fn a_kernel_thread_is_no_zombie_and_no_program() {
        let ended = ROOT.replace("VmSize:\t10 kB\n", "");
        assert_eq!(kind(&ended), Ok(ProcessKind::KernelThread));
        assert_eq!(kind(&ended.replace("S (", "Z (")), Ok(ProcessKind::Zombie));
        assert_eq!(kind(&(ended + "Kthread:\t0\n")), Ok(ProcessKind::Program));
        assert_eq!(kind(&format!("{ROOT}Kthread:\t1\n")), Ok(ProcessKind::KernelThread));
    }

    #[test]
    fn a_missing_or_damaged_line_is_refused() {
        assert!(parse(&ROOT.replace("Uid:\t0", "Uid:")).is_err());
        assert!(parse(&ROOT.replace("CapEff", "Cap")).is_err());
        assert!(parse(&ROOT.replace("PPid:\t1\n", "")).is_err());
    }
}
