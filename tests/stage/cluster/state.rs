//! The folder with all files of a cluster; only its control groups are elsewhere.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Options, patience};
use crate::ground;

/// A cluster's folder.
#[derive(Clone, Debug)]
pub struct State {
    folder: PathBuf,
}

/// Facts for those who attach to a running cluster.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Record {
    pub(super) options: Options,
    pub(super) token: String,
}

impl State {
    /// Names a folder that exists, or will exist.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Makes the folder, and the folders in it that every part needs.
    pub(super) fn make(folder: &Path) -> io::Result<Self> {
        let state = Self::at(folder);
        for name in ["logs", "places", "pids", "home"] {
            fs::create_dir_all(folder.join(name))?;
        }
        Ok(state)
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Returns the path of a file or folder in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the log of a service.
    pub fn log(&self, service: &str) -> PathBuf {
        self.join("logs").join(service)
    }

    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.join("places").join(name)
    }

    pub(super) fn pid(&self, service: &str) -> PathBuf {
        self.join("pids").join(service)
    }

    /// Returns the kubeconfig of the administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.join("kubeconfig")
    }

    /// Returns the control group below which a node keeps its pods' groups.
    pub(super) fn group(&self, node: &str) -> String {
        format!("{}{node}", self.groups())
    }

    fn groups(&self) -> String {
        format!("stage-{}-", self.folder.file_name().unwrap_or_default().to_string_lossy())
    }

    pub(super) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(super) fn save(&self, record: &Record) {
        self.write("cluster.json", serde_json::to_vec(record).unwrap());
    }

    pub(super) fn load(&self) -> Record {
        let file = self.join("cluster.json");
        let text = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        serde_json::from_slice(&text).unwrap()
    }

    /// Makes a node's control group in every hierarchy: a kubelet expects to find it.
    pub(super) fn make_group(&self, node: &str) {
        for hierarchy in hierarchies() {
            fs::create_dir_all(hierarchy.join(self.group(node))).unwrap();
        }
    }

    /// Returns everything that is left of an ended cluster: its folder, mounts, processes, control groups.
    pub(super) fn leftovers(&self) -> Vec<String> {
        let mut found = ground::users(&self.folder);
        found.extend(ground::groups(&self.groups()));
        found.extend(self.folder.exists().then(|| format!("folder: {}", patience::tail(&self.log("guard")))));
        // This program's own command line may name the folder.
        let own = format!("process {}: ", std::process::id());
        found.retain(|line| !line.starts_with(&own));
        found
    }

    /// Removes control groups and files, after every process of the cluster has ended.
    pub(super) fn sweep(&self) -> io::Result<()> {
        let prefix = self.groups();
        for hierarchy in hierarchies() {
            for entry in fs::read_dir(hierarchy)?.flatten() {
                if entry.file_name().to_string_lossy().starts_with(&prefix) {
                    remove_group(&entry.path())?;
                }
            }
        }
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Returns the folders of control groups: each hierarchy of cgroup v1, and the only one of v2.
fn hierarchies() -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    if root.join("cgroup.procs").exists() {
        return vec![root.to_owned()];
    }
    let folders = fs::read_dir(root).into_iter().flatten().flatten();
    // Two controllers of one hierarchy have a symbolic link each.
    folders
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

fn remove_group(group: &Path) -> io::Result<()> {
    let below = fs::read_dir(group).into_iter().flatten().flatten();
    for entry in below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_group(&entry.path())?;
    }
    match fs::remove_dir(group) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
