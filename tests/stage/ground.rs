//! A temporary folder for one test, which finds everything that a run left behind: files, mounts, control groups,
//! processes.

use std::{fs, path::Path};

use tempfile::TempDir;

/// The folder, which the controller gets as TMPDIR.
#[derive(Debug)]
pub struct Ground {
    folder: TempDir,
    /// True if no other test runs at the same time, so that every control group is of this test's run.
    is_alone: bool,
}

impl Ground {
    /// Makes the folder. Other users may enter it: a probe without a sandbox runs as another user.
    pub fn new() -> Self {
        let others = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        let folder = tempfile::Builder::new().prefix("stage-").permissions(others).tempdir().unwrap();
        Self { folder, is_alone: true }
    }

    /// Makes the folder for a test that runs beside others. It does not look for control groups, whose names do not tell the
    /// test ([`groups_left`]).
    pub fn beside_others() -> Self {
        Self { is_alone: false, ..Self::new() }
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns everything that a run left behind; `names` are files that the test itself put there.
    pub fn leftovers(&self, names: &[&str]) -> Vec<String> {
        let mut found: Vec<_> = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| !names.contains(&name.as_str()))
            .collect();
        found.extend(users(self.path()));
        if self.is_alone {
            found.extend(groups_left());
        }
        found
    }
}

/// Returns the control groups of all runs.
pub fn groups_left() -> Vec<String> {
    groups("podproof-")
}

impl Default for Ground {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the mounts in a folder, and the processes that name the folder.
pub(crate) fn users(folder: &Path) -> Vec<String> {
    let path = folder.to_string_lossy();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mut found: Vec<_> =
        mounts.lines().filter(|line| line.contains(&*path)).map(|line| format!("mount: {line}")).collect();
    found.extend(processes(&path));
    found
}

/// Returns the processes whose command line names the folder, except those that end meanwhile.
fn processes(path: &str) -> Vec<String> {
    let ids =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    ids.filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|id| Some((fs::read(format!("/proc/{id}/cmdline")).ok()?, id)))
        .map(|(line, id)| (String::from_utf8_lossy(&line).replace('\0', " "), id))
        .filter(|(line, _)| line.contains(path))
        .map(|(line, id)| format!("process {id}: {line}"))
        .collect()
}

/// Returns the control groups with this prefix, in any hierarchy. Tests that look for them run one after the other.
pub(crate) fn groups(prefix: &str) -> Vec<String> {
    let prefix = format!("/{prefix}");
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    hierarchies
        .chain([root.to_owned()])
        .flat_map(|hierarchy| fs::read_dir(hierarchy).into_iter().flatten().flatten())
        .map(|entry| entry.path().display().to_string())
        .filter(|path| path.contains(&prefix))
        .map(|path| format!("control group: {path}"))
        .collect()
}
