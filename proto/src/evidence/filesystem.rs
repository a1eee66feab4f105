//! The files that the probe can reach.

use serde::{Deserialize, Serialize};

use super::Answer;
use crate::{
    Refused, generated,
    limits::{digest, list, present, text, texts},
};

/// The number of bytes that are read of an account list. Digests are comparable only if both sides read as much.
pub const MOST_OF_ACCOUNT_LIST: usize = 1 << 20;

/// A line of `/proc/self/mountinfo`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// The path of the mount point.
    pub mount_point: String,
    /// The path within the file system that is mounted.
    pub root: String,
    /// The file system's type, such as "ext4".
    pub filesystem: String,
    /// The source, such as a device; "none" if the line names no source.
    pub source: String,
    /// The mount's own options.
    pub options: Vec<String>,
    /// The file system's options.
    pub super_options: Vec<String>,
}

/// All mounts, in the kernel's order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mounts {
    /// The mounts, at most 512.
    pub mounts: Vec<Mount>,
    /// True if there were more mounts.
    pub truncated: bool,
}

/// The root directory, by statfs(2) and access(2).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RootFilesystem {
    /// `f_type` of statfs(2).
    pub magic: u64,
    /// `f_flags` of statfs(2).
    pub flags: u64,
    /// The answer of access(2) for writing.
    pub write_access: Answer,
}

/// `/etc/passwd`, counted; its lines and names are never carried.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AccountList {
    /// The number of bytes that were read; reading stops at 1 MiB.
    pub size: u64,
    /// The SHA-256 of the bytes that were read.
    pub sha256: [u8; 32],
    /// The number of accounts.
    pub accounts: u32,
    /// The number of accounts whose shell permits a login.
    pub login_shells: u32,
}

/// `/etc/shadow`, counted; its lines, names and hashes are never carried.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// The number of bytes that were read; reading stops at 1 MiB.
    pub size: u64,
    /// The SHA-256 of the bytes that were read.
    pub sha256: [u8; 32],
    /// The number of accounts.
    pub accounts: u32,
    /// The number of accounts that have an unlocked password or need no password.
    pub passwords: u32,
}

/// A device node, which is never opened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The path below `/dev`.
    pub name: String,
    /// True for a block device, false for a character device.
    pub block: bool,
    /// The number of the driver.
    pub major: u32,
    /// The driver's number for the device.
    pub minor: u32,
}

/// The device nodes of `/dev` and of the folders below it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Devices {
    /// The device nodes, sorted by name.
    pub devices: Vec<Device>,
    /// True if items are missing: each list holds at most 512, and the probe looks at no more than 4096 entries.
    pub truncated: bool,
    /// The folders below `/dev` that could not be read or lie too deep; `None` if a saved file lacks the list.
    #[serde(default)]
    pub unseen: Option<Vec<String>>,
}

// === impl Mount ===

impl Mount {
    /// Returns true if this mount or its file system is read-only.
    pub fn read_only(&self) -> bool {
        self.options.iter().chain(&self.super_options).any(|option| option == "ro")
    }
}

impl From<Mount> for generated::Mount {
    fn from(Mount { mount_point, root, filesystem, source, options, super_options }: Mount) -> Self {
        Self { mount_point, root, filesystem, source, options, super_options }
    }
}

impl TryFrom<generated::Mount> for Mount {
    type Error = Refused;

    fn try_from(message: generated::Mount) -> Result<Self, Refused> {
        let generated::Mount { mount_point, root, filesystem, source, options, super_options } = message;
        Ok(Self {
            mount_point: text("mount_point", mount_point)?,
            root: text("root", root)?,
            filesystem: text("filesystem", filesystem)?,
            source: text("source", source)?,
            options: texts("options", options)?,
            super_options: texts("super_options", super_options)?,
        })
    }
}

// === impl Mounts ===

impl From<Mounts> for generated::Mounts {
    fn from(Mounts { mounts, truncated }: Mounts) -> Self {
        Self { mounts: mounts.into_iter().map(Into::into).collect(), truncated }
    }
}

impl TryFrom<generated::Mounts> for Mounts {
    type Error = Refused;

    fn try_from(generated::Mounts { mounts, truncated }: generated::Mounts) -> Result<Self, Refused> {
        Ok(Self { mounts: list("mounts", mounts, Mount::try_from)?, truncated })
    }
}

// === impl RootFilesystem ===

impl From<RootFilesystem> for generated::RootFilesystem {
    fn from(RootFilesystem { magic, flags, write_access }: RootFilesystem) -> Self {
        Self { magic, flags, write_access: Some(write_access.into()) }
    }
}

impl TryFrom<generated::RootFilesystem> for RootFilesystem {
    type Error = Refused;

    fn try_from(message: generated::RootFilesystem) -> Result<Self, Refused> {
        let generated::RootFilesystem { magic, flags, write_access } = message;
        Ok(Self { magic, flags, write_access: present("write_access", write_access)?.try_into()? })
    }
}

// === impl AccountList ===

impl From<AccountList> for generated::AccountList {
    fn from(AccountList { size, sha256, accounts, login_shells }: AccountList) -> Self {
        Self { size, sha256: sha256.to_vec(), accounts, login_shells }
    }
}

impl TryFrom<generated::AccountList> for AccountList {
    type Error = Refused;

    fn try_from(message: generated::AccountList) -> Result<Self, Refused> {
        let generated::AccountList { size, sha256, accounts, login_shells } = message;
        let sha256 = digest("sha256", sha256)?;
        if login_shells > accounts {
            return Err(Refused::OutOfRange { field: "login_shells" });
        }
        Ok(Self { size, sha256, accounts, login_shells })
    }
}

// === impl Shadow ===

impl From<Shadow> for generated::Shadow {
    fn from(Shadow { size, sha256, accounts, passwords }: Shadow) -> Self {
        Self { size, sha256: sha256.to_vec(), accounts, passwords }
    }
}

impl TryFrom<generated::Shadow> for Shadow {
    type Error = Refused;

    fn try_from(message: generated::Shadow) -> Result<Self, Refused> {
        let generated::Shadow { size, sha256, accounts, passwords } = message;
        if passwords > accounts {
            return Err(Refused::OutOfRange { field: "passwords" });
        }
        Ok(Self { size, sha256: digest("sha256", sha256)?, accounts, passwords })
    }
}

// === impl Devices ===

impl From<Devices> for generated::Devices {
    fn from(Devices { devices, truncated, unseen }: Devices) -> Self {
        let devices = devices.into_iter().map(|Device { name, block, major, minor }| generated::Device {
            name,
            block,
            major,
            minor,
        });
        Self { devices: devices.collect(), truncated, unseen: unseen.unwrap_or_default() }
    }
}

impl TryFrom<generated::Devices> for Devices {
    type Error = Refused;

    fn try_from(message: generated::Devices) -> Result<Self, Refused> {
        let generated::Devices { devices, truncated, unseen } = message;
        let devices = list("devices", devices, |generated::Device { name, block, major, minor }| {
            Ok(Device { name: text("name", name)?, block, major, minor })
        })?;
        Ok(Self { devices, truncated, unseen: Some(texts("unseen", unseen)?) })
    }
}
