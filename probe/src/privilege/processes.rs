//! The other processes of the probe's process namespace, by their files in procfs.
//!
//! An ephemeral container with a target shares the process namespace of the target's pod. Measured in gVisor of 2022, 2024 and
//! 2026, and in runc: `status`, `mountinfo` and the command line are readable for every process, whatever its user. The root
//! directory needs the right to trace the process (ptrace(2), "Ptrace access mode checking"): gVisor of 2026 and Linux give it
//! for a process of the same user and no more capabilities, gVisor of 2024 for no process of another container.
//!
//! Containers differ by the number of their root mount. gVisor shows little else for every user: all processes are in the control
//! group `/`, the mounts name no source, and the processes of all containers have the parent 0. The control groups that
//! containerd mounts have the container's id for their root.

mod containers;
mod status;

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use nix::unistd::getppid;
use proto::{MOST_ALIKE, MOST_PROCESSES, Observation, Process, Processes, command_digest};

use crate::vantage::{Vantage, read};
use containers::Containers;

/// The number of bytes that are read of a command line.
const LONGEST_WORD: u64 = 256;

pub(crate) fn observe(vantage: &Vantage) -> Observation<Processes> {
    let own = [std::process::id(), getppid().as_raw().cast_unsigned()];
    look(vantage, &own).map_or_else(|error| Observation::unseen(&error), Observation::Seen)
}

/// Looks at each process beside the probe's own, and lists one of each kind. A process that has ended meanwhile is left out.
fn look(vantage: &Vantage, own: &[u32]) -> io::Result<Processes> {
    let folder = vantage.path("/proc");
    let mut pids = Vec::new();
    for entry in fs::read_dir(&folder)? {
        pids.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    pids.retain(|pid| !own.contains(pid));
    pids.sort_unstable();
    let mut containers = Containers::new(vantage.bytes("/proc/self/mountinfo"));
    let mut truncated = pids.len() > MOST_ALIKE;
    let mut processes: Vec<Process> = Vec::new();
    for pid in pids.into_iter().take(MOST_ALIKE) {
        let place = folder.join(pid.to_string());
        let process = Process {
            pid,
            status: status::observe(&place),
            mounts: containers.mounts_of(&place),
            command: command(&place).unwrap_or_else(|error| Observation::unseen(&error)),
            further: 0,
        };
        if !place.exists() {
            continue;
        }
        if let Some(first) = processes.iter_mut().find(|first| first.is_alike(&process)) {
            first.further += 1;
        } else if processes.len() < MOST_PROCESSES {
            containers.add(&process, place);
            processes.push(process);
        } else {
            truncated = true;
            break;
        }
    }
    Ok(Processes { processes, mount_tables: containers.tables(), truncated })
}

/// Returns the digest of a command line's first word.
fn command(process: &Path) -> io::Result<Observation<[u8; 32]>> {
    let mut start = Vec::new();
    File::open(process.join("cmdline"))?.take(LONGEST_WORD).read_to_end(&mut start)?;
    // A program that rewrites its title puts arguments behind a blank.
    let word = start.split(|byte| *byte == 0 || byte.is_ascii_whitespace()).next().unwrap_or_default();
    Ok(if word.is_empty() { Observation::Absent } else { Observation::Seen(command_digest(word)) })
}

/// Reads a file of a process.
fn file(process: &Path, name: &str) -> Observation<Vec<u8>> {
    read(&process.join(name)).map_or_else(|error| Observation::unseen(&error), Observation::Seen)
}

#[cfg(test)]
mod tests;
