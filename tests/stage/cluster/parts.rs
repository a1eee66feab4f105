//! The programs of a cluster: built from Go modules into the cache by `tests/cluster/parts/build`, or Debian's, which
//! `make cluster-test` installs.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Folders of Debian's programs; clang of the version that Cilium's agent wants comes first.
pub(super) const SYSTEM: &str = "/usr/lib/llvm-19/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Folder of Debian's network plugins.
pub(super) const PLUGINS: &str = "/usr/lib/cni";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/parts/build");

/// Folders of the parts that were built.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) kubernetes: PathBuf,
    pub(super) gvisor: PathBuf,
    pub(super) containerd: PathBuf,
    /// Cilium's folder; `None` where policies are not enforced.
    pub(super) cilium: Option<PathBuf>,
}

impl Parts {
    /// Finds the parts, and builds those that are missing.
    pub(super) fn find(enforced: bool) -> Self {
        Self {
            kubernetes: part("kubernetes"),
            gvisor: part("gvisor"),
            containerd: part("containerd"),
            cilium: enforced.then(|| part("cilium")),
        }
    }

    /// Returns a PATH with the runtimes' shims on it.
    pub(super) fn path(&self) -> String {
        format!("{}:{}:{SYSTEM}", self.gvisor.display(), self.containerd.display())
    }
}

/// Returns a part's folder, and builds a part that is missing.
pub fn part(name: &str) -> PathBuf {
    let output = Command::new(SCRIPT).arg(name).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{SCRIPT} {name} failed");
    Path::new(String::from_utf8_lossy(&output.stdout).trim()).to_owned()
}
