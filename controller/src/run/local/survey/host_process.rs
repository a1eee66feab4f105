//! A sandbox's process, by its files in the machine's procfs (`proc_pid_status(5)`, `proc_pid_ns(5)`, `proc_pid_fd(5)`).

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use crate::case::host_process::{Descriptors, HostProcess};

/// The kinds of namespaces that runtimes give a sandbox.
const KINDS: &[&str] = &["user", "mnt", "net", "pid", "ipc", "uts"];

/// Looks at a process; `None` if it has ended, or if it may not be read.
pub fn look(process: i32) -> Option<HostProcess> {
    let folder = PathBuf::from(format!("/proc/{process}"));
    let status = fs::read_to_string(folder.join("status")).ok()?;
    let shared = shared(&folder).ok()?;
    let descriptors = descriptors(&folder).ok();
    let has_the_machines_root = same(&folder.join("root"), Path::new("/")).ok();
    of(&status, shared, has_the_machines_root, descriptors)
}

fn of(
    status: &str,
    shared: Vec<String>,
    has_the_machines_root: Option<bool>,
    descriptors: Option<Descriptors>,
) -> Option<HostProcess> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim)
    };
    let set = |name: &str| u64::from_str_radix(field(name)?, 16).ok();
    // The real user comes first, and then the effective one.
    let user = field("Uid")?.split_whitespace().nth(1)?.parse().ok()?;
    Some(HostProcess {
        user,
        effective: set("CapEff")?,
        permitted: set("CapPrm")?,
        seccomp: field("Seccomp").and_then(|mode| mode.parse().ok()),
        no_new_privs: field("NoNewPrivs").map(|set| set == "1"),
        shared,
        has_the_machines_root,
        descriptors,
    })
}

/// Returns the kinds of namespaces that a process shares with this one.
fn shared(folder: &Path) -> io::Result<Vec<String>> {
    let mut shared = Vec::new();
    for &kind in KINDS {
        let place = Path::new("ns").join(kind);
        if fs::read_link(folder.join(&place))? == fs::read_link(Path::new("/proc/self").join(&place))? {
            shared.push(kind.to_owned());
        }
    }
    Ok(shared)
}

fn same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (fs::metadata(one)?, fs::metadata(other)?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

fn descriptors(folder: &Path) -> io::Result<Descriptors> {
    let mut found = Descriptors::default();
    for entry in fs::read_dir(folder.join("fd"))? {
        // A descriptor may be closed meanwhile.
        let Ok(file) = entry.and_then(|entry| fs::metadata(entry.path())) else { continue };
        let kind = file.file_type();
        let count = if kind.is_socket() {
            &mut found.sockets
        } else if kind.is_char_device() || kind.is_block_device() {
            &mut found.devices
        } else if (kind.is_file() || kind.is_dir()) && file.nlink() > 0 {
            &mut found.files
        } else {
            &mut found.others
        };
        *count += 1;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\texe\nUid:\t1000\t65534\t65534\t65534\nCapPrm:\t00000000000c0000\n\
                          CapEff:\t0000000000080000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";

    #[test]
    fn the_status_gives_the_effective_user_the_capabilities_and_the_filter() {
        let process = of(STATUS, Vec::new(), Some(false), None).unwrap();
        assert_eq!((process.user, process.effective, process.permitted), (65_534, 0x8_0000, 0xc_0000));
        assert_eq!((process.seccomp, process.no_new_privs), (Some(2), Some(true)));
        let without = of("Uid:\t0 0 0 0\nCapPrm:\t0\nCapEff:\t0\n", Vec::new(), None, None).unwrap();
        assert_eq!((without.seccomp, without.no_new_privs), (None, None));
        assert_eq!(of("Name:\texe\n", Vec::new(), None, None), None);
    }

    #[test]
    fn this_process_shares_all_that_it_has() {
        let own = look(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert_eq!(own.shared, KINDS);
        assert_eq!(own.has_the_machines_root, Some(true));
        assert!(own.descriptors.is_some());
    }

    #[test]
    fn a_process_that_does_not_exist_is_not_seen() {
        assert_eq!(look(i32::MAX), None);
    }
}
