//! Facts about this machine, and about the control group of a sandbox.

mod cgroup;
mod host_process;
mod namespaces;
mod processes;
mod sockets;
mod user_namespaces;

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
};

use nix::{
    sys::utsname::{UtsName, uname},
    unistd::{SysconfVar, sysconf},
};
use proto::{BootId, IDENTIFIERS, MOST_OF_ACCOUNT_LIST, Observation};

pub use cgroup::{group_of as cgroup_of, limits as cgroup_limits};
pub use host_process::look as host_process;
pub use processes::{run as processes_run, that_run as processes_that_run};
pub use sockets::mounted as mounted_sockets;
pub(crate) use user_namespaces::{UserNamespaces, user_namespaces};

use crate::case::{
    Machine,
    circumstances::Place,
    identity::{FileDigest, Identity},
};

/// Observes the machine. It never fails: a failed look is an observation, too.
pub fn machine() -> Machine {
    Machine {
        boot_id: text("/proc/sys/kernel/random/boot_id").map(|uuid| BootId { uuid: uuid.trim().to_owned() }),
        kernel_release: match uname() {
            Ok(name) => Observation::Seen(name.release().to_string_lossy().into_owned()),
            Err(errno) => Observation::failed(errno.desc()),
        },
        namespaces: namespaces::own(),
        runs_the_probe: Observation::failed("the probe has not started yet"),
        memory_total: memory_total(),
        account_list: contents("/etc/passwd").map(|bytes| FileDigest::of(&bytes)),
        shadow: contents("/etc/shadow").map(|bytes| FileDigest::of(&bytes)),
        shadow_size: fs::metadata("/etc/shadow").ok().map(|file| file.len()),
        identities: IDENTIFIERS.iter().map(|path| Identity::of(path, contents(path))).collect(),
    }
}

/// Returns the machine's name and kernel, for the circumstances of the run.
pub(crate) fn place() -> Place {
    let name = uname().ok();
    let told = |part: fn(&UtsName) -> &OsStr| {
        name.as_ref().map_or_else(|| "unknown".to_owned(), |name| part(name).to_string_lossy().into_owned())
    };
    Place::Machine { host: told(UtsName::nodename), kernel: told(UtsName::release) }
}

fn memory_total() -> Observation<u64> {
    match (sysconf(SysconfVar::_PHYS_PAGES), sysconf(SysconfVar::PAGE_SIZE)) {
        (Ok(Some(pages)), Ok(Some(size))) => {
            Observation::Seen(pages.unsigned_abs().saturating_mul(size.unsigned_abs()))
        }
        (Err(errno), _) | (_, Err(errno)) => Observation::failed(errno.desc()),
        _ => Observation::Absent,
    }
}

/// Reads the same number of bytes of a file as the probe.
fn contents(path: &str) -> Observation<Vec<u8>> {
    let read = |file: File| {
        let mut bytes = Vec::new();
        file.take(MOST_OF_ACCOUNT_LIST as u64).read_to_end(&mut bytes).map(|_| bytes)
    };
    seen(File::open(path).and_then(read))
}

fn text(path: &str) -> Observation<String> {
    seen(fs::read_to_string(path))
}

fn seen<T>(result: io::Result<T>) -> Observation<T> {
    result.map_or_else(|error| Observation::unseen(&error), Observation::Seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_a_boot_id_and_memory() {
        let machine = machine();
        assert_eq!(machine.boot_id.seen().map(|id| id.uuid.len()), Some(36));
        assert!(machine.memory_total.seen().is_some_and(|&bytes| bytes > 1 << 20));
    }
}
