//! Identifiers that distinguish one machine from another. Only the digest of an identifier is carried.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Refused, generated,
    limits::{digest, list, text, texts},
};

/// Files that identify the machine, or its owner's account with a cloud provider, to a program.
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

/// The machine's identifiers that the sandbox shows.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Identifiers {
    /// The identifiers that can be read and identify something.
    pub identifiers: Vec<Identifier>,
    /// The paths that could not be looked at.
    pub unseen: Vec<String>,
}

/// One identifier, as a digest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Identifier {
    /// The path of the file that holds the identifier.
    pub path: String,
    /// True if the file lies in procfs or sysfs itself: the kernel makes it, and nothing is mounted over it.
    pub of_kernel: bool,
    /// The digest by [`identifier_digest`].
    pub sha256: [u8; 32],
}

/// An application-specific key, as machine-id(5) demands.
const KEY: &[u8] = b"podproof identifier\0";
/// The values of a machine that has no name of its own: uname(2), hostname(5), machine-id(5).
const NOBODYS: &[&[u8]] =
    &[b"", b"(none)", b"localhost", b"localhost.localdomain", b"localhost.localdomain6", b"uninitialized"];

/// Returns the SHA-256 of a key and the text, without white space around the text and with ASCII letters in lower case;
/// `None` if the text identifies nothing.
pub fn identifier_digest(text: &[u8]) -> Option<[u8; 32]> {
    let text = text.trim_ascii().to_ascii_lowercase();
    let identifies = !NOBODYS.contains(&text.as_slice());
    identifies.then(|| Sha256::new().chain_update(KEY).chain_update(text).finalize().into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_the_same_digest_however_it_is_written() {
        assert_eq!(identifier_digest(b"0AF1\n"), identifier_digest(b" 0af1"));
        assert_ne!(identifier_digest(b"0af1"), identifier_digest(b"0af2"));
        assert_ne!(identifier_digest(b"0af1"), Some(Sha256::digest(b"0af1").into()));
    }

    #[test]
    fn the_name_of_a_nameless_machine_identifies_nothing() {
        for nobodys in [&b" \n"[..], b"localhost\n", b"(none)"] {
            assert_eq!(identifier_digest(nobodys), None);
        }
    }
}
