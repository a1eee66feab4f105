//! What files the probe can reach.

use serde::{Deserialize, Serialize};

use super::Answer;
use crate::{
    Refused, generated,
    limits::{digest, list, present, text, texts},
};

/// The most that is read of an account list, in bytes. Whoever compares digests reads as much.
pub const MOST_OF_ACCOUNT_LIST: usize = 1 << 20;

/// A line of `/proc/self/mountinfo`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Mount {
    /// Where it is mounted.
    pub mount_point: String,
    /// Which part of its file system is mounted.
    pub root: String,
    /// The file system's type.
    pub filesystem: String,
    /// The source, such as a device.
    pub source: String,
    /// The mount's own options.
    pub options: Vec<String>,
    /// The file system's options.
    pub super_options: Vec<String>,
}

/// All mounts, in the kernel's order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Mounts {
    /// At most 512.
    pub mounts: Vec<Mount>,
    /// Whether there were more.
    pub truncated: bool,
}

/// The root directory.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RootFilesystem {
    /// `f_type` of statfs(2).
    pub magic: u64,
    /// `f_flags` of statfs(2).
    pub flags: u64,
    /// access(2) for writing.
    pub write_access: Answer,
}

/// `/etc/passwd`, counted; its lines and names are never carried.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AccountList {
    /// In bytes, as read; reading stops at 1 MiB.
    pub size: u64,
    /// SHA-256 of what was read.
    pub sha256: [u8; 32],
    /// How many accounts.
    pub accounts: u32,
    /// How many have a shell with which one can log in.
    pub login_shells: u32,
}

/// `/etc/shadow`, counted; its lines, names and hashes are never carried.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Shadow {
    /// In bytes, as read; reading stops at 1 MiB.
    pub size: u64,
    /// SHA-256 of what was read.
    pub sha256: [u8; 32],
    /// How many accounts.
    pub accounts: u32,
    /// How many have a password that is not locked, or need none.
    pub passwords: u32,
}

/// A device node, which is never opened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Device {
    /// Its path below `/dev`.
    pub name: String,
    /// Whether it is a block device; else it is a character device.
    pub block: bool,
    /// The driver's number.
    pub major: u32,
    /// The device's number with its driver.
    pub minor: u32,
}

/// The device nodes of `/dev` and of the folders below it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Devices {
    /// Sorted by name.
    pub devices: Vec<Device>,
    /// Whether there are more than are listed.
    pub truncated: bool,
    /// Folders below `/dev` that could not be looked into; `None` where a saved file does not tell.
    #[serde(default)]
    pub unseen: Option<Vec<String>>,
}

// === impl Mount ===

impl Mount {
    /// Whether this mount, or its file system, is read-only.
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
