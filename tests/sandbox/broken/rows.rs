//! Rows of one broken thing each.

use std::{fs, path::Path};

use proto::CAPABILITIES;
use serde_json::{Value, json};
use stage::run;

use super::{Broken, Lacks};

const CLEAN: Broken = Broken {
    name: "nothing",
    change: |_, _| (),
    apart: None,
    words: "--network=none",
    on_linux: &[],
    on_gvisor: &[],
    says: ("", ""),
};

const ROOT: Lacks = &[("least-privilege", "unmet")];
const DEVICE: Lacks = &[("devices-minimal", "unmet")];
const ROOT_WITH_DEVICES: Lacks = &[("devices-minimal", "unmet"), ("least-privilege", "unmet")];
const PRIVILEGED: Lacks =
    &[("devices-minimal", "unmet"), ("filesystem-isolation", "unmet"), ("least-privilege", "unmet")];
/// On Linux, root may write to the files by which the machine starts programs. gVisor's own such files lead nowhere.
const UNMASKED: Lacks = &[("filesystem-isolation", "unmet"), ("least-privilege", "unmet")];
const SHARED_FILES: Lacks = &[("filesystem-isolation", "unmet")];
const SOCKET: Lacks = &[("filesystem-isolation", "unmet"), ("host-sockets-absent", "unmet")];
const OPEN_SOCKET: Lacks =
    &[("filesystem-isolation", "unmet"), ("host-sockets-absent", "unmet"), ("network-isolation", "unmet")];
/// Anything of the machine may lie in its root.
const WHOLE_ROOT: Lacks = &[
    ("filesystem-isolation", "unmet"),
    ("host-sockets-absent", "inconclusive"),
    ("network-isolation", "inconclusive"),
];
const TOKEN: Lacks = &[("filesystem-isolation", "unmet"), ("secrets-absent", "unmet")];
const UNLIMITED: Lacks = &[("resource-limits", "unmet")];

pub(super) const BROKEN: &[Broken] = &[
    CLEAN,
    Broken {
        name: "privileged",
        change: privileged,
        on_linux: PRIVILEGED,
        on_gvisor: ROOT_WITH_DEVICES,
        says: ("least-privilege", "capabilities"),
        ..CLEAN
    },
    Broken {
        name: "SYS_ADMIN",
        change: |_, config| capable(config, &json!(["CAP_SYS_ADMIN"])),
        on_linux: ROOT,
        on_gvisor: ROOT,
        says: ("least-privilege", "SYS_ADMIN"),
        ..CLEAN
    },
    Broken {
        name: "the machine's network",
        change: |_, config| shared(config, "network"),
        apart: Some(&[]),
        words: "--network=host",
        on_linux: &[
            ("dns-contained", "inconclusive"),
            ("least-privilege", "unmet"),
            ("metadata-blocked", "inconclusive"),
            ("network-isolation", "unmet"),
        ],
        on_gvisor: &[
            ("dns-contained", "inconclusive"),
            ("metadata-blocked", "inconclusive"),
            ("network-isolation", "unmet"),
            // The sandbox's process is in the machine's user namespace, with capabilities.
            ("runtime-isolation", "inconclusive"),
            ("runtime-settings", "unmet"),
        ],
        says: ("network-isolation", "loopback"),
    },
    Broken {
        // gVisor has processes of its own, whatever the bundle says.
        name: "the machine's processes",
        change: |_, config| shared(config, "pid"),
        apart: Some(run::FIRST_PROCESS),
        on_linux: ROOT,
        says: ("system-information-hidden", "command lines of other processes"),
        ..CLEAN
    },
    Broken {
        name: "the machine's processes, and leave to look into them",
        change: |_, config| {
            shared(config, "pid");
            capable(config, &json!(["CAP_SYS_PTRACE"]));
        },
        apart: Some(run::FIRST_PROCESS),
        on_linux: UNMASKED,
        on_gvisor: ROOT,
        says: ("filesystem-isolation", "the machine's root directory can be entered"),
        ..CLEAN
    },
    Broken {
        name: "the machine's root",
        change: |_, config| mounted(config, "/", "/host", "rbind"),
        on_linux: WHOLE_ROOT,
        on_gvisor: WHOLE_ROOT,
        says: ("filesystem-isolation", "/ at /host"),
        ..CLEAN
    },
    Broken {
        name: "Docker's socket",
        change: |folder, config| socket(folder, config, "/var/run/docker.sock"),
        on_linux: OPEN_SOCKET,
        on_gvisor: SOCKET,
        says: ("host-sockets-absent", "docker.sock"),
        ..CLEAN
    },
    Broken {
        name: "containerd's socket",
        change: |folder, config| socket(folder, config, "/run/containerd/containerd.sock"),
        on_linux: OPEN_SOCKET,
        on_gvisor: SOCKET,
        says: ("host-sockets-absent", "containerd.sock"),
        ..CLEAN
    },
    Broken {
        name: "a socket, and leave to connect to it",
        change: |folder, config| socket(folder, config, "/var/run/docker.sock"),
        words: "--network=none --host-uds=open",
        on_linux: OPEN_SOCKET,
        on_gvisor: OPEN_SOCKET,
        says: ("network-isolation", "a socket of the machine takes connections"),
        ..CLEAN
    },
    Broken {
        name: "the machine's /etc",
        change: |_, config| mounted(config, "/etc", "/etc", "bind"),
        on_linux: SHARED_FILES,
        on_gvisor: &[("filesystem-isolation", "unmet"), ("system-information-hidden", "unmet")],
        says: ("filesystem-isolation", "the host's account list is readable"),
        ..CLEAN
    },
    // gVisor makes the device node that the bundle names, whatever answers behind it.
    Broken {
        name: "the device kmsg",
        change: |_, config| device(config, "/dev/kmsg", 11),
        on_linux: DEVICE,
        on_gvisor: DEVICE,
        says: ("devices-minimal", "/dev/kmsg"),
        ..CLEAN
    },
    Broken {
        name: "the device mem",
        change: |_, config| device(config, "/dev/mem", 1),
        on_linux: DEVICE,
        on_gvisor: DEVICE,
        says: ("devices-minimal", "/dev/mem"),
        ..CLEAN
    },
    Broken {
        name: "a writable /proc/sys",
        change: writable_proc_sys,
        on_linux: UNMASKED,
        on_gvisor: ROOT,
        says: ("filesystem-isolation", "core_pattern"),
        ..CLEAN
    },
    Broken {
        name: "a service account's token",
        change: token,
        on_linux: TOKEN,
        on_gvisor: TOKEN,
        says: ("secrets-absent", "https://kubernetes.default.svc"),
        ..CLEAN
    },
    Broken {
        name: "the machine's name",
        change: |_, config| mounted(config, "/etc/machine-id", "/etc/machine-id", "bind"),
        on_linux: SHARED_FILES,
        on_gvisor: &[("filesystem-isolation", "unmet"), ("system-information-hidden", "unmet")],
        says: ("system-information-hidden", "/etc/machine-id"),
        ..CLEAN
    },
    Broken {
        name: "a root that can be written",
        change: |_, config| config["root"]["readonly"] = json!(false),
        on_linux: &[("root-read-only", "unmet")],
        // The file system under gVisor's overlay, and the way to open it, do not show.
        on_gvisor: &[("root-read-only", "unmet"), ("runtime-hardening", "inconclusive")],
        says: ("root-read-only", "writ"),
        ..CLEAN
    },
    Broken {
        name: "no memory limit",
        change: |_, config| unlimited(config, "memory"),
        on_linux: UNLIMITED,
        on_gvisor: UNLIMITED,
        says: ("resource-limits", "memory"),
        ..CLEAN
    },
    Broken {
        name: "no CPU limit",
        change: |_, config| unlimited(config, "cpu"),
        on_linux: UNLIMITED,
        on_gvisor: UNLIMITED,
        says: ("resource-limits", "CPU"),
        ..CLEAN
    },
    Broken {
        name: "root",
        change: |_, config| as_root(config),
        on_linux: ROOT,
        on_gvisor: ROOT,
        says: ("least-privilege", "root"),
        ..CLEAN
    },
];

/// Makes the bundle privileged as a container engine does: root with every capability of the engine's own, no filter,
/// no masked paths, and the machine's devices.
fn privileged(_: &Path, config: &mut Value) {
    as_root(config);
    capable(config, &json!(held()));
    config["process"]["noNewPrivileges"] = json!(false);
    for part in ["seccomp", "maskedPaths", "readonlyPaths"] {
        config["linux"].as_object_mut().unwrap().remove(part);
    }
    device(config, "/dev/kmsg", 11);
    device(config, "/dev/mem", 1);
    let sysfs = json!({ "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev"] });
    config["mounts"].as_array_mut().unwrap().push(sysfs);
}

fn as_root(config: &mut Value) {
    config["process"]["user"] = json!({ "uid": 0, "gid": 0 });
}

/// Returns the capabilities of this process, which can give no others to another process.
fn held() -> Vec<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let bits = status.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap();
    let bits = u64::from_str_radix(bits.trim(), 16).unwrap();
    let held = CAPABILITIES.iter().enumerate().filter(|(number, _)| bits >> number & 1 == 1);
    held.map(|(_, name)| format!("CAP_{name}")).collect()
}

/// Adds ambient capabilities, which a user other than root keeps (capabilities(7)).
fn capable(config: &mut Value, capabilities: &Value) {
    config["process"]["capabilities"] = json!({
        "bounding": capabilities, "effective": capabilities, "permitted": capabilities,
        "inheritable": capabilities, "ambient": capabilities,
    });
}

/// Shares a namespace of the process that runs the runtime.
fn shared(config: &mut Value, kind: &str) {
    let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.retain(|namespace| namespace["type"] != kind);
}

fn mounted(config: &mut Value, source: &str, destination: &str, bind: &str) {
    let mount =
        json!({ "destination": destination, "type": "bind", "source": source, "options": [bind, "ro"] });
    config["mounts"].as_array_mut().unwrap().push(mount);
}

/// Mounts a socket with a listener, in the place of an engine's socket.
fn socket(folder: &Path, config: &mut Value, place: &str) {
    mounted(config, folder.join("engine.sock").to_str().unwrap(), place, "bind");
}

fn device(config: &mut Value, path: &str, minor: u32) {
    let linux = &mut config["linux"];
    let list = |value: &mut Value, entry: Value| match value.as_array_mut() {
        Some(list) => list.push(entry),
        None => *value = json!([entry]),
    };
    list(
        &mut linux["devices"],
        json!({ "path": path, "type": "c", "major": 1, "minor": minor, "fileMode": 0o666, "uid": 0, "gid": 0 }),
    );
    list(
        &mut linux["resources"]["devices"],
        json!({ "allow": true, "type": "c", "major": 1, "minor": minor, "access": "rwm" }),
    );
}

/// Makes `/proc/sys` writable: root may write to every path that is not mounted read-only.
fn writable_proc_sys(_: &Path, config: &mut Value) {
    as_root(config);
    config["linux"].as_object_mut().unwrap().remove("readonlyPaths");
}

/// Mounts a token of nobody, which expires in 2100, where a kubelet mounts tokens.
fn token(folder: &Path, config: &mut Value) {
    let secrets = folder.join("serviceaccount");
    fs::create_dir(&secrets).unwrap();
    fs::write(secrets.join("token"), super::TOKEN).unwrap();
    mounted(config, secrets.to_str().unwrap(), "/var/run/secrets/kubernetes.io/serviceaccount", "bind");
}

fn unlimited(config: &mut Value, what: &str) {
    config["linux"]["resources"].as_object_mut().unwrap().remove(what);
}
