//! The kernel's own files that let a program read or change the whole machine.

use serde::{Deserialize, Serialize};

use crate::{
    Refused, generated,
    limits::{list, text, texts},
};

/// Files and folders of the kernel that concern the whole machine.
pub const KERNEL_FILES: &[&str] = &[
    // Linux, `Documentation/filesystems/proc.rst` and `Documentation/admin-guide/sysrq.rst`.
    "/proc/kcore",
    "/proc/keys",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
    // Linux, `Documentation/admin-guide/sysctl/kernel.rst`.
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    // Linux, `Documentation/ABI/testing` and `kernel/ksysfs.c`.
    "/sys/firmware",
    "/sys/kernel/security",
    "/sys/kernel/uevent_helper",
];

/// The files of [`KERNEL_FILES`] that the sandbox shows.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KernelFiles {
    /// The files and folders that exist.
    pub files: Vec<KernelFile>,
    /// The paths that could not be looked at.
    pub unseen: Vec<String>,
}

/// One such file or folder, which is never opened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KernelFile {
    /// The absolute path.
    pub path: String,
    /// `f_type` of statfs(2).
    pub magic: u64,
    /// True if access(2) permits reading.
    pub readable: bool,
    /// True if access(2) permits writing.
    pub writable: bool,
}

/// The magic number of procfs, `PROC_SUPER_MAGIC` (include/uapi/linux/magic.h).
pub const PROCFS: u64 = 0x9fa0;

/// The folders in which the kernel shows itself, with the magic numbers of their file systems: procfs and sysfs,
/// `SYSFS_MAGIC` (include/uapi/linux/magic.h).
pub const KERNEL_FILESYSTEMS: [(&str, u64); 2] = [("/proc/", PROCFS), ("/sys/", 0x6265_6572)];

// === impl KernelFile ===

impl KernelFile {
    /// Returns true if the file lies in procfs or sysfs itself; false if something is mounted over it.
    pub fn is_of_kernel(&self) -> bool {
        KERNEL_FILESYSTEMS.iter().any(|(_, magic)| *magic == self.magic)
    }
}

// === impl KernelFiles ===

impl From<KernelFiles> for generated::KernelFiles {
    fn from(KernelFiles { files, unseen }: KernelFiles) -> Self {
        let files = files.into_iter().map(|KernelFile { path, magic, readable, writable }| {
            generated::KernelFile { path, magic, readable, writable }
        });
        Self { files: files.collect(), unseen }
    }
}

impl TryFrom<generated::KernelFiles> for KernelFiles {
    type Error = Refused;

    fn try_from(generated::KernelFiles { files, unseen }: generated::KernelFiles) -> Result<Self, Refused> {
        let files = list("files", files, |file| {
            let generated::KernelFile { path, magic, readable, writable } = file;
            Ok(KernelFile { path: text("path", path)?, magic, readable, writable })
        })?;
        Ok(Self { files, unseen: texts("unseen", unseen)? })
    }
}
