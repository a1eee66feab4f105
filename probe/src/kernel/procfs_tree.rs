//! The structure of `/proc`: its entries and an inode number. Only the probe's own status and the list of controllers are
//! opened.

use std::{fs, io, os::unix::fs::MetadataExt};

use proto::{Observation, PROCFS, ProcfsTree};

use crate::{process_status, sys, text::printable, vantage::Vantage};

/// The entries to look for: those that only gVisor has, those that gVisor added in known years, and those that every Linux
/// has and gVisor lacks (gVisor, `pkg/sentry/fsimpl/proc/tasks.go`, `task.go`, `tasks_sys.go`).
const ENTRIES: &[&str] = &[
    "sentry-meminfo",
    "gvisor",
    "modules",
    "devices",
    "sysrq-trigger",
    "sys/kernel/osrelease",
    "sys/kernel/ngroups_max",
    "sys/kernel/threads-max",
    "buddyinfo",
    "diskstats",
    "interrupts",
    "iomem",
    "ioports",
    "key-users",
    "locks",
    "misc",
    "partitions",
    "softirqs",
    "swaps",
    "vmstat",
    "zoneinfo",
    "driver/nvidia",
    "self/autogroup",
    "self/clear_refs",
    "self/coredump_filter",
    "self/loginuid",
    "self/mountstats",
    "self/ns/cgroup",
    "self/pagemap",
    "self/personality",
    "self/syscall",
    "self/timerslack_ns",
    "self/wchan",
];

/// The largest number of lines of a file whose names are reported.
const MOST: usize = 128;

pub(crate) fn observe(vantage: &Vantage) -> Observation<ProcfsTree> {
    match look(vantage) {
        Ok(tree) => Observation::Seen(tree),
        Err(error) => Observation::unseen(&error),
    }
}

fn look(vantage: &Vantage) -> io::Result<ProcfsTree> {
    let folder = vantage.path("/proc");
    let device = fs::metadata(&folder)?.dev();
    let (magic, flags) = sys::statfs(&path(&folder)?)?;
    let (mut present, mut missing, mut foreign) = (Vec::new(), Vec::new(), Vec::new());
    for entry in ENTRIES {
        match fs::symlink_metadata(folder.join(entry)) {
            Ok(metadata) if metadata.dev() == device => present.push((*entry).to_owned()),
            Ok(_) => foreign.push((*entry).to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push((*entry).to_owned()),
            Err(_) => (),
        }
    }
    let uptime = fs::symlink_metadata(folder.join("uptime"));
    Ok(ProcfsTree {
        on_procfs: magic == PROCFS,
        flags,
        uptime_inode: uptime.ok().filter(|file| file.dev() == device).map_or(0, |file| file.ino()),
        present,
        missing,
        status_fields: names(process_status::read(vantage).seen(), ':'),
        controllers: names(vantage.text("/proc/cgroups").seen(), '\t'),
        foreign,
    })
}

fn path(folder: &std::path::Path) -> io::Result<std::ffi::CString> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::CString::new(folder.as_os_str().as_bytes())?)
}

/// Returns the text before the separator for each line that is no comment.
fn names(text: Option<&String>, separator: char) -> Vec<String> {
    let lines = text.into_iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(separator)).map(|(name, _)| printable(name)).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn linux_shows_entries_that_gvisor_lacks() {
        let tree = look(&Vantage::live()).unwrap();
        assert!(tree.on_procfs && tree.flags != 0, "{tree:?}");
        assert!(tree.present.iter().any(|entry| entry == "self/wchan"), "{tree:?}");
        assert!(tree.missing.iter().any(|entry| entry == "sentry-meminfo"), "{tree:?}");
        assert!(tree.status_fields.iter().any(|name| name == "Umask"), "{tree:?}");
    }

    #[test]
    fn a_folder_elsewhere_is_no_procfs() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("proc/gvisor")).unwrap();
        let seen = look(&Vantage::rooted(tree.path())).unwrap();
        assert!(!seen.on_procfs);
        assert_eq!(seen.present, ["gvisor"]);
        assert_eq!(
            observe(&Vantage::rooted(Path::new("/dev/null"))),
            Observation::failed("Not a directory (os error 20)")
        );
    }

    #[test]
    fn comments_name_nothing() {
        let text = "#subsys_name\thierarchy\ncpu\t1\njob\t2\n".to_owned();
        assert_eq!(names(Some(&text), '\t'), ["cpu", "job"]);
        assert_eq!(names(None, ':'), [""; 0]);
    }
}
