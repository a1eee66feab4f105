//! The rights of the probe's own process.

use serde::{Deserialize, Serialize};

use super::mirrored;
use crate::{
    Refused, generated,
    limits::{list, text},
};

/// Users and groups of the process: real, effective and saved.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The real user id.
    pub real_user: u32,
    /// The effective user id.
    pub effective_user: u32,
    /// The saved user id.
    pub saved_user: u32,
    /// The real group id.
    pub real_group: u32,
    /// The effective group id.
    pub effective_group: u32,
    /// The saved group id.
    pub saved_group: u32,
    /// The number of supplementary groups.
    pub supplementary_groups: u32,
}

/// The names of capabilities, indexed by their numbers (`include/uapi/linux/capability.h`).
pub const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Capability sets as bit masks (capabilities(7)).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// The inheritable set, `CapInh`.
    pub inheritable: u64,
    /// The permitted set, `CapPrm`.
    pub permitted: u64,
    /// The effective set, `CapEff`.
    pub effective: u64,
    /// The bounding set, `CapBnd`.
    pub bounding: u64,
    /// The ambient set, `CapAmb`; `None` if the kernel does not show it, as in gVisor before 2025.
    pub ambient: Option<u64>,
}

impl Capabilities {
    /// Returns the capabilities that the process has, or that the programs that it runs may have.
    pub fn held(&self) -> u64 {
        self.effective | self.permitted | self.inheritable | self.ambient.unwrap_or(0)
    }
}

/// Seccomp mode and `no_new_privs`, as `/proc/self/status` shows them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Seccomp {
    /// The mode: 0 disabled, 1 strict, 2 filter; `None` if the file has no such line.
    pub mode: Option<u32>,
    /// True if execve(2) can no longer add privileges; `None` if the file has no such line.
    pub no_new_privs: Option<bool>,
}

/// One of the probe's own namespaces.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Namespace {
    /// The name in `/proc/self/ns`, such as "mnt".
    pub kind: String,
    /// The inode by which the kernel identifies the namespace.
    pub inode: u64,
}

/// The links of `/proc/self/ns`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Namespaces {
    /// The namespaces, sorted by kind.
    pub namespaces: Vec<Namespace>,
}

mirrored!(Credentials {
    real_user,
    effective_user,
    saved_user,
    real_group,
    effective_group,
    saved_group,
    supplementary_groups
});

mirrored!(Capabilities { inheritable, permitted, effective, bounding, ambient });

// === impl Seccomp ===

impl From<Seccomp> for generated::Seccomp {
    fn from(Seccomp { mode, no_new_privs }: Seccomp) -> Self {
        Self { mode, no_new_privs }
    }
}

impl TryFrom<generated::Seccomp> for Seccomp {
    type Error = Refused;

    fn try_from(generated::Seccomp { mode, no_new_privs }: generated::Seccomp) -> Result<Self, Refused> {
        match mode {
            Some(3..) => Err(Refused::OutOfRange { field: "mode" }),
            mode => Ok(Self { mode, no_new_privs }),
        }
    }
}

// === impl Namespace ===

impl Namespace {
    /// Returns the namespace that a link in `/proc/self/ns` points to, such as `mnt:[4026531841]`; `None` if the text has
    /// another form.
    pub fn of_link(kind: &str, link: &str) -> Option<Self> {
        let inode = link.split_once(":[")?.1.strip_suffix(']')?.parse().ok()?;
        Some(Self { kind: kind.to_owned(), inode })
    }
}

// === impl Namespaces ===

impl From<Namespaces> for generated::Namespaces {
    fn from(Namespaces { namespaces }: Namespaces) -> Self {
        let namespaces =
            namespaces.into_iter().map(|Namespace { kind, inode }| generated::Namespace { kind, inode });
        Self { namespaces: namespaces.collect() }
    }
}

impl TryFrom<generated::Namespaces> for Namespaces {
    type Error = Refused;

    fn try_from(generated::Namespaces { namespaces }: generated::Namespaces) -> Result<Self, Refused> {
        let namespaces = list("namespaces", namespaces, |generated::Namespace { kind, inode }| {
            Ok(Namespace { kind: text("kind", kind)?, inode })
        })?;
        Ok(Self { namespaces })
    }
}

#[cfg(test)]
mod tests {
    use super::Namespace;

    #[test]
    fn a_link_holds_the_inode() {
        let inode = |link| Namespace::of_link("mnt", link).map(|namespace| namespace.inode);
        assert_eq!(inode("mnt:[4026531841]"), Some(4_026_531_841));
        assert_eq!(inode("mnt:[]"), None);
        assert_eq!(inode("/proc"), None);
    }
}
