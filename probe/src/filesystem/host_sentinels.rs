//! Signs that a machine has and an image seldom has: its folders, its other processes and their root directories. All are
//! observed by stat(2), except the start of a command line, which shows that the command line can be read.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use nix::unistd::{Pid, getppid};
use proto::{HOST_FOLDERS, HostSentinels, Observation, OtherProcesses};

use crate::vantage::Vantage;

/// The largest number of processes that are looked at.
const MOST: u32 = 512;
/// The number of bytes that are read of a command line; none of them are kept.
const LONGEST_NAME: u64 = 256;

pub(crate) fn observe(vantage: &Vantage) -> Observation<HostSentinels> {
    let (folders, unseen) =
        vantage.each(HOST_FOLDERS, |path, place| Ok(fs::metadata(place)?.is_dir().then(|| path.to_owned())));
    // If the processes cannot be listed, both facts about them are absent.
    let (others, other_root) =
        of_processes(vantage, getppid()).map_or((None, None), |(others, root)| (Some(others), root));
    Observation::Seen(HostSentinels { folders, unseen, other_root, others })
}

/// Returns the device and the inode of the file that a path leads to.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// Counts the processes that run another program than the probe. The flag is true if a process has another root directory,
/// and `None` if the root of no process could be looked at.
///
/// A process that does not show its program counts as another program. The exception is a process that was started by the
/// same name as the worker's parent: gVisor hides the program of a process that gVisor started itself
/// (`pkg/sentry/kernel/ptrace.go`, `CanTrace`).
fn of_processes(vantage: &Vantage, parent: Pid) -> io::Result<(OtherProcesses, Option<bool>)> {
    let processes = vantage.path("/proc");
    let own = identity(&processes.join("self/exe"))?;
    let own_root = identity(&vantage.path("/"))?;
    let own_name = name(&processes.join(parent.to_string()));
    let is_own = |process: &Path| match identity(&process.join("exe")) {
        Ok(theirs) => theirs == own,
        Err(_) => name(process).is_some_and(|theirs| Some(theirs) == own_name),
    };
    let (mut others, mut other_root, mut looked) = (OtherProcesses::default(), None, 0_u32);
    for entry in fs::read_dir(processes)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        looked = looked.saturating_add(1);
        if looked > MOST {
            others.truncated = true;
            break;
        }
        let process = entry.path();
        if let Ok(root) = identity(&process.join("root")) {
            other_root = Some(other_root == Some(true) || root != own_root);
        }
        // A process that has ended meanwhile does not count.
        if !is_own(&process) && process.exists() {
            others.count = others.count.saturating_add(1);
            others.command_lines = others.command_lines.saturating_add(u32::from(name(&process).is_some()));
        }
    }
    Ok((others, other_root))
}

/// Returns the first word of a command line; `None` for the kernel's own processes, which have none
/// (`proc_pid_cmdline(5)`).
fn name(process: &Path) -> Option<Vec<u8>> {
    let mut start = Vec::new();
    File::open(process.join("cmdline")).ok()?.take(LONGEST_NAME).read_to_end(&mut start).ok()?;
    let name = start.split(|&byte| byte == 0).next()?;
    (!name.is_empty()).then(|| name.to_vec())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn seen(tree: &Path) -> HostSentinels {
        observe(&Vantage::rooted(tree)).seen().unwrap().clone()
    }

    #[test]
    fn only_folders_of_a_machine_are_named() {
        let tree = tempfile::tempdir().unwrap();
        assert_eq!(seen(tree.path()), HostSentinels::default());
        fs::create_dir_all(tree.path().join("var/lib/kubelet")).unwrap();
        fs::write(tree.path().join("host"), "").unwrap();
        symlink("rootfs", tree.path().join("rootfs")).unwrap();
        let HostSentinels { folders, unseen, .. } = seen(tree.path());
        assert_eq!((folders, unseen), (vec!["/var/lib/kubelet".to_owned()], vec!["/rootfs".to_owned()]));
    }

    #[test]
    fn one_process_with_another_root_suffices() {
        let tree = tempfile::tempdir().unwrap();
        let root_of = |pid: &str, root: &str| {
            let folder = tree.path().join("proc").join(pid);
            fs::create_dir_all(&folder).unwrap();
            symlink(root, folder.join("root")).unwrap();
        };
        fs::create_dir_all(tree.path().join("proc/self")).unwrap();
        fs::write(tree.path().join("proc/self/exe"), "").unwrap();
        assert_eq!(seen(tree.path()).other_root, None);
        root_of("1", "/no/such/folder");
        assert_eq!(seen(tree.path()).other_root, None);
        root_of("7", "../..");
        assert_eq!(seen(tree.path()).other_root, Some(false));
        root_of("8", "/");
        root_of("9", "../..");
        assert_eq!(seen(tree.path()).other_root, Some(true));
    }

    #[test]
    fn other_programs_are_counted_and_their_command_lines_are_not_kept() {
        let tree = tempfile::tempdir().unwrap();
        let process = |pid: &str, program: Option<&str>, command_line: &str| {
            let folder = tree.path().join("proc").join(pid);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("cmdline"), command_line).unwrap();
            if let Some(program) = program {
                fs::write(tree.path().join(program), "").unwrap();
                symlink(tree.path().join(program), folder.join("exe")).unwrap();
            }
        };
        assert_eq!(seen(tree.path()).others, None);
        process("self", Some("probe"), "probe");
        process("1", Some("probe"), "probe\0hold");
        process("7", Some("shell"), "shell\0--password=unheard-of");
        process("8", None, "");
        process(&getppid().to_string(), None, "/probe\0report");
        process("9", None, "/probe\0hold");
        let sentinels = seen(tree.path());
        let expected = OtherProcesses { count: 2, command_lines: 1, truncated: false };
        assert_eq!(sentinels.others, Some(expected));
        assert!(!format!("{sentinels:?}").contains("unheard-of"));
    }
}
