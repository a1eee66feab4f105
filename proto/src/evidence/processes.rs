//! The other processes that the probe's process namespace shows.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Capabilities, Credentials, Devices, Mounts, Seccomp, wire_enum};
use crate::{
    Observation, Refused, generated,
    limits::{digest, list, present, text},
};

/// The largest number of kinds of processes, and of mount tables.
pub const MOST_PROCESSES: usize = 64;
/// The largest number of processes of all kinds that the probe looks at.
pub const MOST_ALIKE: usize = 4096;
/// The largest number of mounts in all mount tables together.
pub const MOST_OTHER_MOUNTS: usize = 1024;
/// The largest number of bytes in the texts of all mount tables together.
pub const MOST_TEXT_OF_MOUNTS: usize = 256 << 10;

/// The processes beside the probe's own process and its parent. Their arguments and environments are never carried.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Processes {
    /// One process of each kind, sorted by pid.
    pub processes: Vec<Process>,
    /// Each set of mounts that is not the probe's own, once.
    pub mount_tables: Vec<MountTable>,
    /// True if there are more processes than were looked at.
    pub truncated: bool,
}

/// A process, as its files in procfs describe it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// The number in the probe's process namespace.
    pub pid: u32,
    /// The file `status`.
    pub status: Observation<ProcessStatus>,
    /// The file `mountinfo`.
    pub mounts: Observation<MountsOf>,
    /// The digest of the command line's first word, by [`command_digest`]; absent if the command line is empty.
    pub command: Observation<[u8; 32]>,
    /// The number of further processes of the same kind, by [`Process::is_alike`].
    #[serde(default)]
    pub further: u32,
}

/// The mounts of a process.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountsOf {
    /// The probe's own mounts.
    Probe,
    /// The mounts of a table, by its index.
    Table(u32),
}

wire_enum!(
    /// The nature of a process.
    ProcessKind, "kind", {
        /// A program that runs.
        Program, "program";
        /// A thread of Linux itself, which only the machine's first process namespace has.
        KernelThread, "kernel-thread";
        /// A program that has ended and was not yet waited for.
        Zombie, "zombie";
    }
);

/// The lines of `/proc/PID/status`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessStatus {
    /// The nature of the process.
    pub kind: ProcessKind,
    /// The parent's pid; 0 if the parent lies outside of the process namespace, or the runtime started the process.
    pub parent: u32,
    /// The users and groups.
    pub credentials: Credentials,
    /// The user for files.
    pub filesystem_user: u32,
    /// The group for files.
    pub filesystem_group: u32,
    /// The capability sets.
    pub capabilities: Capabilities,
    /// Seccomp mode and `no_new_privs`.
    pub seccomp: Seccomp,
}

/// The mounts that processes of one container share.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MountTable {
    /// The number of the mount at `/`, an opaque key of the container.
    pub root_mount: u64,
    /// The mounts, without the values of their options.
    pub mounts: Mounts,
    /// The devices of the container, through the root directory of a process.
    pub devices: Observation<Devices>,
}

/// An application-specific key, as for identifiers.
const KEY: &[u8] = b"podproof command\0";

/// Returns the SHA-256 of a key and a command line's first word.
pub fn command_digest(word: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(KEY).chain_update(word).finalize().into()
}

// === impl Processes ===

impl Processes {
    /// Returns a process's mount table; `None` if the process has the probe's own mounts, or if its mounts were not read.
    pub fn table_of(&self, process: &Process) -> Option<&MountTable> {
        match process.mounts.seen()? {
            MountsOf::Probe => None,
            MountsOf::Table(index) => self.mount_tables.get(usize::try_from(*index).ok()?),
        }
    }
}

impl From<Processes> for generated::Processes {
    fn from(Processes { processes, mount_tables, truncated }: Processes) -> Self {
        Self {
            processes: processes.into_iter().map(Into::into).collect(),
            mount_tables: mount_tables.into_iter().map(Into::into).collect(),
            truncated,
        }
    }
}

impl TryFrom<generated::Processes> for Processes {
    type Error = Refused;

    fn try_from(message: generated::Processes) -> Result<Self, Refused> {
        let generated::Processes { processes, mount_tables, truncated } = message;
        for (field, length) in [("processes", processes.len()), ("mount_tables", mount_tables.len())] {
            if length > MOST_PROCESSES {
                return Err(Refused::TooMany { field, limit: MOST_PROCESSES });
            }
        }
        let processes = list("processes", processes, Process::try_from)?;
        let mount_tables = list("mount_tables", mount_tables, MountTable::try_from)?;
        if mount_tables.iter().map(|table| table.mounts.mounts.len()).sum::<usize>() > MOST_OTHER_MOUNTS {
            return Err(Refused::TooMany { field: "mounts", limit: MOST_OTHER_MOUNTS });
        }
        let is_there = |index: u32| usize::try_from(index).is_ok_and(|index| index < mount_tables.len());
        let astray = |process: &Process| matches!(process.mounts.seen(), Some(MountsOf::Table(index)) if !is_there(*index));
        if processes.iter().any(astray) {
            return Err(Refused::OutOfRange { field: "mount_table" });
        }
        if !processes.is_sorted_by(|one, other| one.pid < other.pid) {
            return Err(Refused::Repeated { field: "pid" });
        }
        let further = processes.iter().map(|process| u64::from(process.further)).sum::<u64>();
        if usize::try_from(further).map_or(true, |further| further > MOST_ALIKE) {
            return Err(Refused::TooMany { field: "further", limit: MOST_ALIKE });
        }
        Ok(Self { processes, mount_tables, truncated })
    }
}

// === impl Process ===

impl Process {
    /// True if another process differs in its number, its parent and its command line alone.
    pub fn is_alike(&self, other: &Self) -> bool {
        let status =
            |process: &Self| process.status.clone().map(|status| ProcessStatus { parent: 0, ..status });
        self.mounts == other.mounts && status(self) == status(other)
    }
}

impl From<Process> for generated::Process {
    fn from(Process { pid, status, mounts, command, further }: Process) -> Self {
        use generated::process::{Command, Mounts, Status};
        let mounts = sent(mounts).map_or_else(Mounts::MountsUnread, |mounts| match mounts {
            MountsOf::Probe => Mounts::MountsOfProbe(generated::ProbesMounts {}),
            MountsOf::Table(index) => Mounts::MountTable(index),
        });
        let status = sent(status).map_or_else(Status::StatusUnread, |status| {
            Status::StatusSeen(generated::ProcessStatus::from(status))
        });
        let command = sent(command)
            .map_or_else(Command::CommandUnread, |sha256| Command::CommandSha256(sha256.to_vec()));
        Self { pid, status: Some(status), mounts: Some(mounts), command: Some(command), further }
    }
}

impl TryFrom<generated::Process> for Process {
    type Error = Refused;

    fn try_from(message: generated::Process) -> Result<Self, Refused> {
        use generated::process::{Command, Mounts, Status};
        let generated::Process { pid, status, mounts, command, further } = message;
        Ok(Self {
            pid,
            further,
            status: match present("status", status)? {
                Status::StatusSeen(status) => Observation::Seen(status.try_into()?),
                Status::StatusUnread(unread) => unread_by(unread)?,
            },
            mounts: match present("mounts", mounts)? {
                Mounts::MountsOfProbe(generated::ProbesMounts {}) => Observation::Seen(MountsOf::Probe),
                Mounts::MountTable(index) => Observation::Seen(MountsOf::Table(index)),
                Mounts::MountsUnread(unread) => unread_by(unread)?,
            },
            command: match present("command", command)? {
                Command::CommandSha256(sha256) => Observation::Seen(digest("command_sha256", sha256)?),
                Command::CommandUnread(unread) => unread_by(unread)?,
            },
        })
    }
}

// === impl ProcessStatus ===

impl From<ProcessStatus> for generated::ProcessStatus {
    fn from(status: ProcessStatus) -> Self {
        let ProcessStatus {
            kind,
            parent,
            credentials,
            filesystem_user,
            filesystem_group,
            capabilities,
            seccomp,
        } = status;
        Self {
            kind: kind.into(),
            parent,
            credentials: Some(credentials.into()),
            filesystem_user,
            filesystem_group,
            capabilities: Some(capabilities.into()),
            seccomp: Some(seccomp.into()),
        }
    }
}

impl TryFrom<generated::ProcessStatus> for ProcessStatus {
    type Error = Refused;

    fn try_from(message: generated::ProcessStatus) -> Result<Self, Refused> {
        let generated::ProcessStatus {
            kind,
            parent,
            credentials,
            filesystem_user,
            filesystem_group,
            capabilities,
            seccomp,
        } = message;
        Ok(Self {
            kind: kind.try_into()?,
            parent,
            credentials: present("credentials", credentials)?.try_into()?,
            filesystem_user,
            filesystem_group,
            capabilities: present("capabilities", capabilities)?.try_into()?,
            seccomp: present("seccomp", seccomp)?.try_into()?,
        })
    }
}

// === impl MountTable ===

impl From<MountTable> for generated::MountTable {
    fn from(MountTable { root_mount, mounts, devices }: MountTable) -> Self {
        use generated::mount_table::Devices;
        let devices = sent(devices).map_or_else(Devices::DevicesUnread, |devices| {
            Devices::DevicesSeen(generated::Devices::from(devices))
        });
        Self { root_mount, mounts: Some(mounts.into()), devices: Some(devices) }
    }
}

impl TryFrom<generated::MountTable> for MountTable {
    type Error = Refused;

    fn try_from(message: generated::MountTable) -> Result<Self, Refused> {
        use generated::mount_table::Devices;
        let generated::MountTable { root_mount, mounts, devices } = message;
        let devices = match present("devices", devices)? {
            Devices::DevicesSeen(devices) => Observation::Seen(devices.try_into()?),
            Devices::DevicesUnread(unread) => unread_by(unread)?,
        };
        Ok(Self { root_mount, mounts: present("mounts", mounts)?.try_into()?, devices })
    }
}

/// Returns the fact that was seen, or the message of the failed look. A file is read within the observer itself, so that no
/// such look times out or crashes on its own.
fn sent<T>(look: Observation<T>) -> Result<T, generated::Unread> {
    use generated::unread::Why;
    let reason = look.fared();
    let why = match look {
        Observation::Seen(fact) => return Ok(fact),
        Observation::Absent => Why::Absent(true),
        Observation::Denied { errno } => Why::Errno(errno),
        Observation::Failed { .. } | Observation::TimedOut | Observation::Crashed { .. } => {
            Why::Reason(reason)
        }
    };
    Err(generated::Unread { why: Some(why) })
}

fn unread_by<T>(generated::Unread { why }: generated::Unread) -> Result<Observation<T>, Refused> {
    use generated::unread::Why;
    Ok(match present("why", why)? {
        Why::Absent(_) => Observation::Absent,
        Why::Errno(errno) => Observation::Denied { errno },
        Why::Reason(reason) => Observation::Failed { reason: text("reason", reason)? },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;

    fn process(pid: u32, mounts: Observation<MountsOf>) -> Process {
        let status = Observation::Denied { errno: 13 };
        Process { pid, status, mounts, command: Observation::Absent, further: 0 }
    }

    fn table() -> MountTable {
        let mounts = Mounts { mounts: Vec::new(), truncated: false };
        MountTable { root_mount: 7, mounts, devices: Observation::failed("a reason") }
    }

    fn again(processes: Processes) -> Result<Fact, Refused> {
        Fact::try_from(generated::Fact::from(Fact::Processes(processes)))
    }

    #[test]
    fn a_failed_look_survives_the_wire() {
        let mounts =
            [Observation::Absent, Observation::Seen(MountsOf::Table(0)), Observation::Seen(MountsOf::Probe)];
        let process = |(pid, mounts)| Process { further: 6, ..process(pid, mounts) };
        let processes = (1..).zip(mounts).map(process).collect();
        let processes = Processes { processes, mount_tables: vec![table()], truncated: true };
        assert_eq!(again(processes.clone()), Ok(Fact::Processes(processes)));
    }

    /// The worker's format names no field, so that it carries each of them.
    #[test]
    fn a_process_survives_the_workers_pipe() {
        let mut pipe = Vec::new();
        crate::worker::send(&mut pipe, &process(7, Observation::Absent)).unwrap();
        let received = crate::worker::take::<Process>(&mut pipe).unwrap();
        assert_eq!(received, Some(process(7, Observation::Absent)));
    }

    #[test]
    fn a_list_that_contradicts_itself_is_refused() {
        let of = |processes| Processes { processes, mount_tables: vec![table()], truncated: false };
        let astray = of(vec![process(1, Observation::Seen(MountsOf::Table(1)))]);
        assert_eq!(again(astray), Err(Refused::OutOfRange { field: "mount_table" }));
        let twice = of(vec![process(1, Observation::Absent), process(1, Observation::Absent)]);
        assert_eq!(again(twice), Err(Refused::Repeated { field: "pid" }));
    }

    #[test]
    fn a_list_beyond_its_bound_is_refused() {
        let many = (0..65).map(|pid| process(pid, Observation::Absent)).collect();
        let many = Processes { processes: many, ..Processes::default() };
        assert_eq!(again(many), Err(Refused::TooMany { field: "processes", limit: 64 }));
        let alike = Process { further: 4097, ..process(1, Observation::Absent) };
        let alike = Processes { processes: vec![alike], ..Processes::default() };
        assert_eq!(again(alike), Err(Refused::TooMany { field: "further", limit: 4096 }));
    }
}
