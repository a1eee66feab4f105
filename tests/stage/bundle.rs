//! Bundles as users have them, for `--bundle`: a root file system with a program that does not matter.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

/// The number of bundles that this process has written.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);

/// Writes a bundle with an empty file as program, and lets the test change its configuration. Returns a name that no other
/// container has: gVisor of 2022 finds a running container by it in all folders of state.
pub fn write(folder: &Path, change: impl FnOnce(&mut Value)) -> String {
    let root = folder.join("rootfs");
    for name in ["proc", "bin", "dev", "etc"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    fs::write(root.join("bin/app"), "").unwrap();
    let none = json!([]);
    let mut config = json!({
        "ociVersion": "1.0.2",
        "process": {
            "args": ["/bin/app"],
            "cwd": "/",
            "user": { "uid": 65534, "gid": 65534 },
            "noNewPrivileges": true,
            "capabilities": {
                "bounding": none, "effective": none, "permitted": none, "inheritable": none, "ambient": none,
            },
        },
        "root": { "path": "rootfs", "readonly": true },
        "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
        "linux": {
            "resources": {
                "memory": { "limit": 256 << 20 },
                "cpu": { "quota": 100_000, "period": 100_000 },
            },
            "namespaces": [
                { "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" },
            ],
        },
    });
    // A group of the bundle's own, with the prefix by which leftovers are found.
    let (process, count) = (std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed));
    let name = format!("podproof-stage-{process}-{count}");
    config["linux"]["cgroupsPath"] = json!(format!("/{name}"));
    change(&mut config);
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    name
}
