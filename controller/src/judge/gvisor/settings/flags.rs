//! The flags of runsc that weaken a sandbox, and the values with which they do (gVisor, `runsc/config/flags.go`).

/// One flag of runsc that weakens.
#[derive(Debug)]
pub struct Flag {
    /// The flag's name, without dashes.
    pub name: &'static str,
    /// The value that weakens, where the name alone does not say it; `None` for a switch.
    weakening: Option<&'static str>,
    /// The values that weaken nothing.
    harmless: Values,
}

/// The values of a flag that weaken nothing.
#[derive(Clone, Copy, Debug)]
enum Values {
    /// "false", as Go reads it (pkg.go.dev/strconv, `ParseBool`).
    False,
    /// "true", as Go reads it.
    True,
    /// Each of these.
    Each(&'static [&'static str]),
    /// An overlay in the sandbox's memory or in a file that runsc makes (`runsc/config/config.go`, `Overlay2.Set`).
    OwnOverlay,
}

/// Every flag that weakens with some of its values.
pub(super) const FLAGS: &[&Flag] = &[
    &ALLOW_SUID,
    &DIRECTFS,
    &FILE_ACCESS,
    &FSGOFER_HOST_UDS,
    &HOST_FIFO,
    &HOST_UDS,
    &IOURING,
    &NET_RAW,
    &NETWORK,
    &NVPROXY,
    &OVERLAY2,
    &PLATFORM,
    &TPUPROXY,
    &Flag::switch("allow-flag-override"),
    &Flag::switch("allow-packet-socket-write"),
    &Flag::switch("allow-rootfs-tar-annotation"),
    &Flag::unless("character-device-policy", Values::Each(&["emulated-only"])),
    &Flag::unless("enable-core-tags", Values::True),
    &Flag::unless("EXPERIMENTAL-xdp", Values::Each(&["off"])),
    &Flag::unless("file-access-mounts", Values::Each(&["exclusive", "shared"])),
    &Flag::unless("gofer-network-namespace", Values::Each(&["null", "new"])),
    &Flag::unless("host-settings", Values::Each(&["check", "ignore"])),
    &Flag::switch("ignore-cgroups"),
    &Flag::switch("log-packets"),
    &Flag::switch("nvproxy-allow-unsupported-driver"),
    &Flag::unless(
        "nvproxy-allowed-driver-capabilities",
        Values::Each(&["", "utility", "compute", "utility,compute", "compute,utility"]),
    ),
    &Flag::switch("nvproxy-docker"),
    &Flag::unless("oci-seccomp", Values::True),
    &Flag::switch("profile"),
    &Flag::switch("rdmaproxy"),
    &Flag::unless("restore-spec-validation", Values::Each(&["enforce"])),
    &Flag::switch("rootless"),
    &Flag::unless("systemd-cgroup", Values::True),
    &Flag::switch("TESTONLY-afs-syscall-panic"),
    &Flag::switch("TESTONLY-nftables"),
    &Flag::switch("TESTONLY-unsafe-nonroot"),
];

/// Flags that name a path or an address of the node, which runsc writes, reads or serves with its own rights.
pub(super) const PLACES: &[&str] = &[
    "coverage-report",
    "debug-log",
    "final-metrics-log",
    "log",
    "metric-server",
    "panic-log",
    "pcap-log",
    "platform_device_path",
    "pod-init-config",
    "profile-block",
    "profile-cpu",
    "profile-heap",
    "profile-mutex",
    "profiling-metrics-log",
    "root",
    "shared-root",
    "trace",
];

/// Flags that weaken nothing, whatever their value: they log, trace, tune or take away. `pause-external-networking` is not
/// among them: a probe with a paused network reaches nothing, and says nothing about the pods.
pub(super) const HARMLESS: &[&str] = &[
    "allow-connected-on-save",
    "allow-live-tcp-migration",
    "alsologtostderr",
    "app-huge-pages",
    "buffer-pooling",
    "cgroupfs",
    "control-rpc-stop-timeout",
    "cpu-num-from-quota",
    "dcache",
    "debug",
    "debug-command",
    "debug-log-format",
    "debug-to-user-log",
    "EXPERIMENTAL-xdp-need-wakeup",
    "fdlimit",
    "fuse",
    "gso",
    "gvisor-gro",
    "gvisor-marker-file",
    "in-sandbox-cgroup",
    "kvm-use-cpu-nums",
    "lisafs",
    "log-format",
    "mount-cgroup-v2",
    "net-disconnect-ok",
    "network-processors-per-channel",
    "num-network-channels",
    "nvproxy-driver-version",
    "overlay",
    "override-procs",
    "panic-signal",
    "profile-gc-interval",
    "profiling-metrics",
    "profiling-metrics-rate-us",
    "qdisc",
    "qdisc-tbf-burst",
    "qdisc-tbf-rate",
    "ref-leak-mode",
    "reproduce-nat",
    "reproduce-nftables",
    "rx-checksum-offload",
    "save-restore-netstack",
    "software-gso",
    "strace",
    "strace-event",
    "strace-log-size",
    "strace-syscalls",
    "systrap-disable-fast-path",
    "systrap-disable-syscall-patching",
    "traceback",
    "tx-checksum-offload",
    "vfs2",
    "watchdog-action",
];

pub(super) const ALLOW_SUID: Flag = Flag::switch("allow-suid");
pub(super) const DIRECTFS: Flag = Flag::switch("directfs");
pub(super) const FILE_ACCESS: Flag = Flag::with("file-access", "shared", Values::Each(&["exclusive"]));
/// The name of `host-uds` in early releases.
pub(super) const FSGOFER_HOST_UDS: Flag = Flag::switch("fsgofer-host-uds");
pub(super) const HOST_FIFO: Flag = Flag::unless("host-fifo", Values::Each(&["none"]));
pub(super) const HOST_UDS: Flag = Flag::unless("host-uds", Values::Each(&["none"]));
pub(super) const IOURING: Flag = Flag::switch("iouring");
pub(super) const NET_RAW: Flag = Flag::switch("net-raw");
pub(super) const NETWORK: Flag = Flag::with("network", "host", Values::Each(&["sandbox", "none"]));
pub(super) const NVPROXY: Flag = Flag::switch("nvproxy");
pub(super) const OVERLAY2: Flag = Flag::with("overlay2", "none", Values::OwnOverlay);
pub(super) const PLATFORM: Flag = Flag::with("platform", "ptrace", Values::Each(&["systrap", "kvm"]));
pub(super) const TPUPROXY: Flag = Flag::switch("tpuproxy");

// === impl Flag ===

impl Flag {
    const fn switch(name: &'static str) -> Self {
        Self { name, weakening: None, harmless: Values::False }
    }

    const fn unless(name: &'static str, harmless: Values) -> Self {
        Self { name, weakening: None, harmless }
    }

    const fn with(name: &'static str, weakening: &'static str, harmless: Values) -> Self {
        Self { name, weakening: Some(weakening), harmless }
    }

    /// Returns the flag as a command line has it, with the value that weakens.
    pub(super) fn written(&self) -> String {
        let value = self.weakening.map(|value| format!("={value}")).unwrap_or_default();
        format!("--{}{value}", self.name)
    }

    /// Returns true if the flag weakens nothing with this value.
    pub(super) fn is_harmless(&self, value: &str) -> bool {
        self.harmless.contain(value)
    }
}

// === impl Values ===

impl Values {
    fn contain(self, value: &str) -> bool {
        match self {
            Self::False => ["0", "f", "F", "false", "FALSE", "False"].contains(&value),
            Self::True => ["1", "t", "T", "true", "TRUE", "True"].contains(&value),
            Self::Each(values) => values.contains(&value),
            Self::OwnOverlay => {
                let (place, size) = value.split_once(',').unwrap_or((value, "size="));
                let (mounts, medium) = place.split_once(':').unwrap_or_default();
                ["root", "all"].contains(&mounts)
                    && ["memory", "self"].contains(&medium)
                    && size.starts_with("size=")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_listed_once() {
        let mut names: Vec<_> = FLAGS.iter().map(|flag| flag.name).collect();
        names.extend(PLACES.iter().chain(HARMLESS));
        names.sort_unstable();
        let listed = names.len();
        names.dedup();
        assert_eq!(names.len(), listed);
    }

    #[test]
    fn values_are_read_as_runsc_reads_them() {
        for (flag, harmless, weakening) in [
            (
                &OVERLAY2,
                &["root:self", "all:memory", "root:self,size=2g"][..],
                &["none", "root:dir=/srv", ""][..],
            ),
            (&NET_RAW, &["false", "0", "F"], &["true", "1", ""]),
            (&HOST_UDS, &["none"], &["open", "create", "all", "NONE"]),
        ] {
            assert!(harmless.iter().all(|value| flag.is_harmless(value)), "{}", flag.name);
            assert!(!weakening.iter().any(|value| flag.is_harmless(value)), "{}", flag.name);
        }
    }
}
