//! The mounts and devices of other processes, once for each container.

use std::path::{Path, PathBuf};

use proto::{
    MOST_OTHER_MOUNTS, MOST_PROCESSES, MOST_TEXT_OF_MOUNTS, Mount, MountTable, Mounts, MountsOf, Observation,
    Process,
};

use super::file;
use crate::filesystem::{devices, mounts};

/// The largest number of reported devices of one container.
const MOST_DEVICES: usize = 64;

/// The containers that were seen so far.
pub(super) struct Containers {
    /// The probe's own `mountinfo`.
    own: Option<Vec<u8>>,
    seen: Vec<Container>,
}

/// Processes with the same mounts.
struct Container {
    mountinfo: Vec<u8>,
    mounts: Mounts,
    /// The folder of one process of each kind in procfs. The kernel shows the root directory of all of a kind, or of none.
    processes: Vec<PathBuf>,
}

/// The room that is left in the message.
struct Room {
    mounts: usize,
    bytes: usize,
}

// === impl Containers ===

impl Containers {
    pub(super) fn new(own: Observation<Vec<u8>>) -> Self {
        let own = if let Observation::Seen(own) = own { Some(own) } else { None };
        Self { own, seen: Vec::new() }
    }

    /// Returns the mounts of a process, by reference to a table. A mount's number differs between mount namespaces (Linux,
    /// `fs/namespace.c`; gVisor, `pkg/sentry/vfs/mount.go`), so that equal files are of one namespace.
    pub(super) fn mounts_of(&mut self, process: &Path) -> Observation<MountsOf> {
        let mountinfo = match file(process, "mountinfo") {
            Observation::Seen(mountinfo) if mountinfo.is_empty() => return Observation::Absent,
            Observation::Seen(mountinfo) if self.own.as_ref() == Some(&mountinfo) => {
                return Observation::Seen(MountsOf::Probe);
            }
            Observation::Seen(mountinfo) => mountinfo,
            blind => return blind.map(|_| MountsOf::Probe),
        };
        let known = self.seen.iter().position(|container| container.mountinfo == mountinfo);
        let index = known.unwrap_or(self.seen.len());
        if index == MOST_PROCESSES {
            return Observation::failed(format!("there are more than {MOST_PROCESSES} sets of mounts"));
        }
        if known.is_none() {
            let mounts = match mounts::parse(&mountinfo) {
                Ok(mounts) => mounts,
                Err(error) => return Observation::failed(error),
            };
            self.seen.push(Container { mountinfo, mounts, processes: Vec::new() });
        }
        Observation::Seen(MountsOf::Table(u32::try_from(index).unwrap_or(u32::MAX)))
    }

    /// Adds the first process of a kind, whose folder in procfs is given, to its container.
    pub(super) fn add(&mut self, process: &Process, folder: PathBuf) {
        let Some(MountsOf::Table(index)) = process.mounts.seen() else { return };
        if let Some(container) = usize::try_from(*index).ok().and_then(|index| self.seen.get_mut(index)) {
            container.processes.push(folder);
        }
    }

    /// Returns the table of each container. A list that does not fit into the message is truncated.
    pub(super) fn tables(self) -> Vec<MountTable> {
        let mut room = Room { mounts: MOST_OTHER_MOUNTS, bytes: MOST_TEXT_OF_MOUNTS };
        let table = |container: Container| MountTable {
            root_mount: root_mount(&container.mountinfo),
            devices: devices_of(&container.processes, &mut room),
            mounts: room.fitting(container.mounts),
        };
        self.seen.into_iter().map(table).collect()
    }
}

/// Returns the number of the mount at `/` that lies above all others, which is the first field of its line
/// (`proc_pid_mountinfo(5)`); 0 without such a line.
fn root_mount(mountinfo: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(mountinfo);
    let number = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let number = fields.next()?.parse().ok()?;
        (fields.nth(3)? == "/").then_some(number)
    };
    text.lines().filter_map(number).next_back().unwrap_or(0)
}

/// Looks through the root directory of the first process that lets the probe in.
fn devices_of(processes: &[PathBuf], room: &mut Room) -> Observation<proto::Devices> {
    let mut first = None;
    for process in processes {
        match devices::below(&process.join("root/dev")) {
            Observation::Seen(mut devices) => {
                let wanted = devices.devices.len();
                devices.devices.truncate(MOST_DEVICES);
                devices.devices.retain(|device| room.take(device.name.len()));
                devices.truncated |= devices.devices.len() < wanted;
                if let Some(unseen) = &mut devices.unseen {
                    let wanted = unseen.len();
                    unseen.retain(|name| room.take(name.len()));
                    devices.truncated |= unseen.len() < wanted;
                }
                return Observation::Seen(devices);
            }
            blind => first = first.or(Some(blind)),
        }
    }
    first.unwrap_or(Observation::Absent)
}

// === impl Room ===

impl Room {
    /// Takes bytes from what is left; false if they do not fit.
    fn take(&mut self, bytes: usize) -> bool {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.unwrap_or(self.bytes);
        left.is_some()
    }

    fn fitting(&mut self, Mounts { mounts, mut truncated }: Mounts) -> Mounts {
        let wanted = mounts.len();
        let mut fitting = Vec::new();
        for mount in mounts.into_iter().map(without_values) {
            let Mount { mount_point, root, filesystem, source, options, super_options } = &mount;
            let texts =
                [mount_point, root, filesystem, source].into_iter().chain(options).chain(super_options);
            if self.mounts == 0 || !self.take(texts.map(String::len).sum()) {
                break;
            }
            self.mounts -= 1;
            fitting.push(mount);
        }
        truncated |= fitting.len() < wanted;
        Mounts { mounts: fitting, truncated }
    }
}

/// Removes the values of options, and a source that may hold credentials: a program with the right to mount writes both.
fn without_values(mut mount: Mount) -> Mount {
    for options in [&mut mount.options, &mut mount.super_options] {
        for option in options.iter_mut() {
            option.truncate(option.find('=').unwrap_or(option.len()));
        }
        options.dedup();
    }
    let is_plain = mount.source.starts_with('/') || mount.source == mount.filesystem;
    if !is_plain || mount.source.contains(['@', '?']) {
        "none".clone_into(&mut mount.source);
    }
    mount
}
