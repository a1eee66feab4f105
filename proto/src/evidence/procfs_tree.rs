//! The structure of `/proc`.

use serde::{Deserialize, Serialize};

use crate::{Refused, generated, limits::texts};

/// The entries of `/proc`, and an inode number.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProcfsTree {
    /// True if `/proc` is a procfs.
    pub on_procfs: bool,
    /// `f_flags` of statfs(2).
    pub flags: u64,
    /// The inode of `/proc/uptime`; 0 if the file does not exist on the device of `/proc`.
    pub uptime_inode: u64,
    /// The entries that the probe looked for and that exist on the device of `/proc` itself.
    pub present: Vec<String>,
    /// The entries that the probe looked for and that do not exist.
    pub missing: Vec<String>,
    /// The names of the lines of `/proc/self/status`.
    pub status_fields: Vec<String>,
    /// The names of the controllers in `/proc/cgroups`.
    pub controllers: Vec<String>,
    /// The entries that the probe looked for and that exist outside procfs.
    pub foreign: Vec<String>,
}

/// Signs by which programs recognise a gVisor sandbox.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Markers {
    /// The marker paths that exist.
    pub paths: Vec<String>,
}

// === impl ProcfsTree ===

impl From<ProcfsTree> for generated::ProcfsTree {
    fn from(tree: ProcfsTree) -> Self {
        let ProcfsTree {
            on_procfs,
            flags,
            uptime_inode,
            present,
            missing,
            status_fields,
            controllers,
            foreign,
        } = tree;
        Self { on_procfs, flags, uptime_inode, present, missing, status_fields, controllers, foreign }
    }
}

impl TryFrom<generated::ProcfsTree> for ProcfsTree {
    type Error = Refused;

    fn try_from(message: generated::ProcfsTree) -> Result<Self, Refused> {
        let generated::ProcfsTree {
            on_procfs,
            flags,
            uptime_inode,
            present,
            missing,
            status_fields,
            controllers,
            foreign,
        } = message;
        Ok(Self {
            on_procfs,
            flags,
            uptime_inode,
            present: texts("present", present)?,
            missing: texts("missing", missing)?,
            status_fields: texts("status_fields", status_fields)?,
            controllers: texts("controllers", controllers)?,
            foreign: texts("foreign", foreign)?,
        })
    }
}

// === impl Markers ===

impl From<Markers> for generated::Markers {
    fn from(Markers { paths }: Markers) -> Self {
        Self { paths }
    }
}

impl TryFrom<generated::Markers> for Markers {
    type Error = Refused;

    fn try_from(generated::Markers { paths }: generated::Markers) -> Result<Self, Refused> {
        Ok(Self { paths: texts("paths", paths)? })
    }
}
