//! Remains of a runtime that was killed early: mounts, a control group, and processes in it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    mount::{MntFlags, umount2},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{Instant, interval};

use crate::case::leftover::Leftover;

const CGROUPS: &str = "/sys/fs/cgroup";

/// Unmounts everything below a folder. Recent releases of runsc leave an empty network namespace there.
pub(super) fn mounts_below(folder: &Path) -> Vec<Leftover> {
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut leftovers = Vec::new();
    for mount_point in below(&mountinfo, folder).into_iter().rev() {
        if let Err(errno) = umount2(&mount_point, MntFlags::MNT_DETACH) {
            leftovers.push(Leftover {
                what: format!("the mount {}: {}", mount_point.display(), errno.desc()),
                remedy: format!("umount {}", mount_point.display()),
            });
        }
    }
    leftovers
}

fn below(mountinfo: &str, folder: &Path) -> Vec<PathBuf> {
    let mount_points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4)).map(unescaped);
    mount_points.filter(|mount_point| mount_point.starts_with(folder)).collect()
}

/// Decodes a path: the kernel writes white space and backslashes as octal numbers (`fs/proc_namespace.c`, `mangle`).
fn unescaped(path: &str) -> PathBuf {
    PathBuf::from(
        path.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\"),
    )
}

/// Kills all processes in the run's own control group and removes the group from every hierarchy.
pub(super) async fn cgroup(path: &str, grace: Duration) -> Vec<Leftover> {
    let deadline = Instant::now() + grace;
    let name = path.trim_start_matches('/');
    // No version of the interface tells when an emptied group can be removed, so the removal is repeated.
    let mut again = interval(Duration::from_millis(20));
    loop {
        again.tick().await;
        let remaining: Vec<_> =
            groups(Path::new(CGROUPS), name).into_iter().filter(|group| !removed(group)).collect();
        if remaining.is_empty() {
            return Vec::new();
        }
        if Instant::now() >= deadline {
            let leftover = |group: PathBuf| Leftover {
                what: format!("the control group {}", group.display()),
                remedy: format!("rmdir {}", group.display()),
            };
            return remaining.into_iter().map(leftover).collect();
        }
    }
}

fn groups(root: &Path, name: &str) -> Vec<PathBuf> {
    let hierarchies = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let candidates = hierarchies.chain([root.to_owned()]).map(|hierarchy| hierarchy.join(name));
    candidates.filter(|group| group.is_dir()).collect()
}

/// Kills the processes in the group, which the run has started: nobody else knows the group's name.
fn removed(group: &Path) -> bool {
    let processes = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    for process in processes.lines().filter_map(|line| line.parse().ok()).filter(|&process| process > 1) {
        _ = kill(Pid::from_raw(process), Signal::SIGKILL);
    }
    fs::remove_dir(group).is_ok() || !group.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_below_the_folder_are_found() {
        let mountinfo = "1 2 0:1 / /tmp/podproof-1 rw - tmpfs none rw\n3 2 0:4 net:[1] /tmp/podproof-1/state/null-netns rw \
                         shared:1 - nsfs nsfs rw\n4 2 0:5 / /tmp/podproof-10 rw - tmpfs none rw\n";
        let found = below(mountinfo, Path::new("/tmp/podproof-1"));
        assert_eq!(
            below("1 2 0:1 / /a\\040b/c rw - tmpfs none rw", Path::new("/a b")),
            [Path::new("/a b/c")]
        );
        assert_eq!(found, [Path::new("/tmp/podproof-1"), Path::new("/tmp/podproof-1/state/null-netns")]);
    }

    #[test]
    fn a_group_is_found_in_each_hierarchy() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["memory/podproof-1", "cpu/podproof-1", "cpu/podproof-2"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        assert_eq!(groups(root.path(), "podproof-1").len(), 2);
    }
}
