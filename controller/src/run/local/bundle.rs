//! The OCI bundle (runtime-spec, config.md) for a local probe: either a bundle of our own that contains only the probe,
//! or the user's bundle with the probe in place of its program.

mod engine;
mod given;
mod mounts;

use serde_json::{Value, json};

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use given::with_probe;
pub use given::{Error, adapted, network, network_of, of_running};

use crate::{
    case::{HostPath, cluster::Labels, limits::Limits},
    support::names::NOBODY,
};

/// The probe's path in a bundle of our own.
pub const PROBE: &str = "/probe";
/// The period of a CPU quota in microseconds; the kernel's default.
const PERIOD: u64 = 100_000;

/// A bundle's configuration, and the parts of it that are judged.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The content of `config.json`.
    pub config: Value,
    /// The limits that the configuration declares.
    pub limits: Limits,
    /// True for a running container of a pod, which shares its pod's sandbox under gVisor.
    pub is_in_a_pod: bool,
    /// Mounted paths of the machine, without the probe's own.
    pub host_paths: Vec<HostPath>,
    /// Mount points of files that are not the machine's: the probe, and files that an engine made.
    pub own_mounts: Vec<String>,
    /// The root file system's path, if it lies neither in the bundle nor in an engine's folder for one container, and is not known to be
    /// the machine's.
    pub foreign_root: Option<String>,
    /// Annotations that gVisor reads.
    pub annotations: Labels,
    /// Literal credentials in the environment and the command, each as a fragment without its value.
    pub credentials: Vec<String>,
    /// Set when `process.noNewPrivileges` is true.
    pub no_new_privs: bool,
    /// The value of `linux.cgroupsPath`; `None` if the bundle names no control group.
    pub cgroup: Option<String>,
}

/// Returns a bundle of our own: no network, a read-only root, no capabilities, the user `nobody`, and limits.
pub fn own(run: &str, limits: Limits) -> Bundle {
    let cgroup = format!("/{run}");
    let namespaces: Vec<_> =
        ["pid", "network", "ipc", "uts", "mount"].into_iter().map(|kind| json!({ "type": kind })).collect();
    let config = json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": NOBODY, "gid": NOBODY },
            "args": [PROBE, "report"],
            "env": [],
            "cwd": "/",
            "capabilities": { "bounding": [], "effective": [], "permitted": [], "inheritable": [], "ambient": [] },
            "noNewPrivileges": true,
        },
        "root": { "path": "rootfs", "readonly": true },
        "hostname": "podproof",
        "mounts": [{
            "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"],
        }],
        "linux": {
            "cgroupsPath": cgroup,
            "resources": {
                "memory": { "limit": limits.memory },
                "cpu": { "quota": limits.cpu_millis.map(|millis| millis * PERIOD / 1000), "period": PERIOD },
            },
            "namespaces": namespaces,
        },
    });
    Bundle {
        config,
        limits,
        is_in_a_pod: false,
        host_paths: Vec::new(),
        own_mounts: Vec::new(),
        foreign_root: None,
        annotations: Labels::new(),
        credentials: Vec::new(),
        no_new_privs: true,
        cgroup: Some(cgroup),
    }
}

/// Returns the limits that a configuration declares.
pub(crate) fn limits(config: &Value) -> Limits {
    let resource = |path: &str| config.pointer(path).and_then(Value::as_u64).filter(|&value| value > 0);
    let quota = resource("/linux/resources/cpu/quota");
    let period = resource("/linux/resources/cpu/period").unwrap_or(PERIOD);
    Limits {
        memory: resource("/linux/resources/memory/limit"),
        cpu_millis: quota.map(|quota| quota.saturating_mul(1000) / period),
        pids: resource("/linux/resources/pids/limit"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_bundle_has_limits_and_no_path_of_the_machine() {
        let wanted = Limits { memory: Some(256 << 20), cpu_millis: Some(1500), pids: None };
        let bundle = own("podproof-1", wanted);
        assert_eq!(limits(&bundle.config), wanted);
        assert_eq!(bundle.config["linux"]["resources"]["cpu"]["quota"], 150_000);
        assert!(bundle.host_paths.is_empty());
        assert_eq!(bundle.config["root"]["readonly"], true);
    }

    #[test]
    fn a_limit_that_means_unlimited_is_no_limit() {
        let config = json!({ "linux": { "resources": { "memory": { "limit": -1 }, "cpu": { "quota": 0 }, "pids": { "limit": 0 } } } });
        assert_eq!(limits(&config), Limits::default());
        assert_eq!(limits(&json!({})), Limits::default());
    }
}
