//! No seccomp profile, where the stage is built without libseccomp: for another architecture.

use std::{convert::Infallible, io, os::fd::AsFd};

use serde_json::Value;

/// A filter that no program of this build has.
#[derive(Clone, Copy, Debug)]
pub struct NoFilter(Infallible);

/// Refuses a profile with rules.
pub fn of(profile: &Value) -> io::Result<Option<NoFilter>> {
    match profile["syscalls"].as_array() {
        Some(_) => Err(io::Error::other("this program is built without libseccomp")),
        None => Ok(None),
    }
}

impl NoFilter {
    /// Writes nothing, because no filter exists.
    pub fn export_bpf(&self, _: impl AsFd) -> io::Result<()> {
        match self.0 {}
    }

    /// Loads nothing, because no filter exists.
    pub fn load(&self) -> io::Result<()> {
        match self.0 {}
    }
}
