//! The flags of runsc that weaken a sandbox (gVisor, `runsc/config/flags.go`).

/// One flag of runsc.
#[derive(Debug)]
pub struct Flag {
    /// The flag's name, without dashes.
    pub name: &'static str,
    /// The value that weakens, where the name alone does not say it; `None` for a switch.
    weakening: Option<&'static str>,
    /// The values that weaken nothing.
    pub harmless: &'static [&'static str],
    /// True if a pod's annotation with another value opens the sandbox.
    pub opens: bool,
}

/// Every flag that weakens.
const FLAGS: &[&Flag] = &[
    &ALLOW_SUID,
    &DIRECTFS,
    &FILE_ACCESS,
    &FILE_ACCESS_MOUNTS,
    &FSGOFER_HOST_UDS,
    &HOST_FIFO,
    &HOST_UDS,
    &IOURING,
    &NET_RAW,
    &NETWORK,
    &NVPROXY,
    &OCI_SECCOMP,
    &OVERLAY2,
    &PLATFORM,
    &TPUPROXY,
];

pub(super) const ALLOW_SUID: Flag = Flag::opening("allow-suid", None, &["false"]);
/// On by default, so that an annotation changes little.
pub(super) const DIRECTFS: Flag = Flag::other("directfs", None, &["false"]);
pub(super) const FILE_ACCESS: Flag = Flag::opening("file-access", Some("shared"), &["exclusive"]);
const FILE_ACCESS_MOUNTS: Flag = Flag::opening("file-access-mounts", None, &["exclusive", "shared"]);
/// The name of `host-uds` in early releases.
pub(super) const FSGOFER_HOST_UDS: Flag = Flag::other("fsgofer-host-uds", None, &["false"]);
pub(super) const HOST_FIFO: Flag = Flag::opening("host-fifo", None, &["none"]);
pub(super) const HOST_UDS: Flag = Flag::opening("host-uds", None, &["none"]);
pub(super) const IOURING: Flag = Flag::opening("iouring", None, &["false"]);
pub(super) const NET_RAW: Flag = Flag::opening("net-raw", None, &["false"]);
pub(super) const NETWORK: Flag = Flag::opening("network", Some("host"), &["sandbox", "none"]);
pub(super) const NVPROXY: Flag = Flag::opening("nvproxy", None, &["false"]);
const OCI_SECCOMP: Flag = Flag::opening("oci-seccomp", None, &["true"]);
pub(super) const OVERLAY2: Flag =
    Flag::opening("overlay2", Some("none"), &["root:self", "all:self", "root:memory", "all:memory"]);
/// A platform is the node's matter, and opens nothing by itself.
pub(super) const PLATFORM: Flag = Flag::other("platform", Some("ptrace"), &["systrap", "kvm"]);
pub(super) const TPUPROXY: Flag = Flag::opening("tpuproxy", None, &["false"]);

// === impl Flag ===

impl Flag {
    const fn opening(
        name: &'static str,
        weakening: Option<&'static str>,
        harmless: &'static [&'static str],
    ) -> Self {
        Self { name, weakening, harmless, opens: true }
    }

    const fn other(
        name: &'static str,
        weakening: Option<&'static str>,
        harmless: &'static [&'static str],
    ) -> Self {
        Self { name, weakening, harmless, opens: false }
    }

    /// Returns the flag as a command line has it, with the value that weakens.
    pub(super) fn written(&self) -> String {
        let value = self.weakening.map(|value| format!("={value}")).unwrap_or_default();
        format!("--{}{value}", self.name)
    }
}

/// Returns true if a pod's annotation gives runsc a flag that opens the sandbox (gVisor,
/// `g3doc/user_guide/containerd/configuration.md`).
pub fn is_opened_by(key: &str, value: &str) -> bool {
    let Some(name) = key.rsplit_once("flag.").map(|(_, name)| name) else { return false };
    FLAGS.iter().any(|flag| flag.opens && flag.name == name && !flag.harmless.contains(&value))
}
