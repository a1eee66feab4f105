//! The run's own folder, with the probe, the bundle and the runtime's state.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use super::bundle::PROBE;
use super::launch::LaunchError;
use crate::case::leftover::Leftover;

/// A folder that is removed with all its content.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: TempDir,
}

impl Scratch {
    /// Creates the folder. Other users may enter it, since the probe runs as another user.
    pub(super) fn new(run: &str, probe: &[u8]) -> Result<Self, LaunchError> {
        let parent = std::env::temp_dir();
        // The kernel lists mounts by real paths, not by links.
        let parent = parent.canonicalize().unwrap_or(parent);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| LaunchError::Scratch { path, source }
        };
        let folder = tempfile::Builder::new()
            .prefix(&format!("{run}-"))
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in(&parent)
            .map_err(failed(&parent))?;
        let scratch = Self { folder };
        let write = || -> io::Result<()> {
            fs::create_dir_all(scratch.bundle().join("rootfs/proc"))?;
            fs::create_dir(scratch.state())?;
            fs::write(scratch.probe(), probe)?;
            fs::set_permissions(scratch.probe(), Permissions::from_mode(0o755))
        };
        write().map_err(failed(scratch.path()))?;
        Ok(scratch)
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn bundle(&self) -> PathBuf {
        self.path().join("bundle")
    }

    pub(super) fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    pub(super) fn probe(&self) -> PathBuf {
        self.bundle().join("rootfs").join(PROBE.trim_start_matches('/'))
    }

    pub(super) fn write_config(&self, config: &Value) -> Result<(), LaunchError> {
        let path = self.bundle().join("config.json");
        fs::write(&path, config.to_string()).map_err(|source| LaunchError::Scratch { path, source })
    }

    /// Returns true if the runtime has left state of the container.
    pub(super) fn has_state(&self) -> bool {
        fs::read_dir(self.state()).is_ok_and(|mut entries| entries.next().is_some())
    }

    /// Leaves the folder in its place.
    pub(super) fn keep(self) {
        _ = self.folder.keep();
    }

    pub(super) fn remove(self) -> Option<Leftover> {
        let path = self.path().to_owned();
        let error = self.folder.close().err()?;
        Some(Leftover {
            what: format!("the folder {}: {error}", path.display()),
            remedy: format!("rm -r {}", path.display()),
        })
    }
}
