//! What tells one machine from another. No identifier is carried, only its digest.

use serde::{Deserialize, Serialize};

use crate::{
    Refused, generated,
    limits::{digest, list, text, texts},
};

/// Files by which a program knows the machine that it is on, or its owner's account with a cloud.
pub const IDENTIFIERS: &[&str] = &[
    // machine-id(5), hostname(5), dbus-uuidgen(1).
    "/etc/machine-id",
    "/var/lib/dbus/machine-id",
    "/etc/hostname",
    // proc_cmdline(5), proc_sys_kernel(5).
    "/proc/cmdline",
    "/proc/sys/kernel/hostname",
    // Linux, `Documentation/ABI/testing/sysfs-class-dmi`, `sysfs-hypervisor-xen` and `sysfs-firmware-ofw`.
    "/sys/class/dmi/id/board_serial",
    "/sys/class/dmi/id/board_vendor",
    "/sys/class/dmi/id/product_name",
    "/sys/class/dmi/id/product_serial",
    "/sys/class/dmi/id/product_uuid",
    "/sys/class/dmi/id/sys_vendor",
    "/sys/hypervisor/uuid",
    "/sys/firmware/devicetree/base/serial-number",
    // cloudinit.readthedocs.io, "Instance data".
    "/run/cloud-init/instance-data.json",
    "/var/lib/cloud/data/instance-id",
];

/// What there is of them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Identifiers {
    /// Those that can be read and are not empty.
    pub identifiers: Vec<Identifier>,
    /// Places that could not be looked at.
    pub unseen: Vec<String>,
}

/// One of them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Identifier {
    /// Its path.
    pub path: String,
    /// Whether it lies in procfs or sysfs itself: the kernel makes it, and nothing lies over it.
    pub of_kernel: bool,
    /// SHA-256 of its first MiB, without white space around it and with ASCII letters in lower case.
    pub sha256: [u8; 32],
}

// === impl Identifiers ===

impl From<Identifiers> for generated::Identifiers {
    fn from(Identifiers { identifiers, unseen }: Identifiers) -> Self {
        let identifiers = identifiers.into_iter().map(|Identifier { path, of_kernel, sha256 }| {
            generated::Identifier { path, of_kernel, sha256: sha256.to_vec() }
        });
        Self { identifiers: identifiers.collect(), unseen }
    }
}

impl TryFrom<generated::Identifiers> for Identifiers {
    type Error = Refused;

    fn try_from(message: generated::Identifiers) -> Result<Self, Refused> {
        let generated::Identifiers { identifiers, unseen } = message;
        let identifiers = list("identifiers", identifiers, |identifier| {
            let generated::Identifier { path, of_kernel, sha256 } = identifier;
            Ok(Identifier { path: text("path", path)?, of_kernel, sha256: digest("sha256", sha256)? })
        })?;
        Ok(Self { identifiers, unseen: texts("unseen", unseen)? })
    }
}
