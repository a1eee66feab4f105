//! Changes to a bundle.

use std::{fs, path::Path};

use nix::libc;
use serde_json::{Value, json};
use stage::{fingerprint, texts};

/// Calls that a container engine's default profile refuses to a process without capabilities, as far as the probe
/// could notice (moby, profiles/seccomp/default.json).
const REFUSED: [&str; 27] = [
    "acct",
    "add_key",
    "bpf",
    "clock_adjtime",
    "clock_settime",
    "fanotify_init",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_load",
    "keyctl",
    "move_pages",
    "mount",
    "name_to_handle_at",
    "open_by_handle_at",
    "perf_event_open",
    "ptrace",
    "request_key",
    "setns",
    "syslog",
    "unshare",
    "userfaultfd",
    "vhangup",
];

pub(super) fn as_root(_: &Path, config: &mut Value) {
    config["process"]["user"] = json!({ "uid": 0, "gid": 0 });
}

/// Adds the profile that `RuntimeDefault` asks for.
pub(super) fn hardened_profile(_: &Path, config: &mut Value) {
    config["linux"]["seccomp"] = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{ "names": REFUSED, "action": "SCMP_ACT_ERRNO", "errnoRet": libc::EPERM }],
    });
}

/// Adds a seccomp profile with every error of gVisor's fingerprint.
pub(super) fn imitating_profile(_: &Path, config: &mut Value) {
    config["linux"]["seccomp"] = fingerprint::profile();
}

pub(super) fn writable_root(_: &Path, config: &mut Value) {
    config["root"]["readonly"] = json!(false);
}

pub(super) fn raw_sockets(_: &Path, config: &mut Value) {
    let raw = json!(["CAP_NET_RAW"]);
    config["process"]["capabilities"] =
        json!({ "bounding": raw, "effective": raw, "permitted": raw, "inheritable": raw, "ambient": [] });
}

/// Shares the network namespace of the process that runs the runtime.
pub(super) fn shared_network(_: &Path, config: &mut Value) {
    let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.retain(|namespace| namespace["type"] != "network");
}

pub(super) fn other_limits(_: &Path, config: &mut Value) {
    config["linux"]["resources"] =
        json!({ "memory": { "limit": 192 << 20 }, "cpu": { "quota": 50_000, "period": 100_000 } });
}

/// Empties the two files of procfs that name gVisor. This works in gVisor, which mounts whatever the bundle names.
pub(super) fn hidden_texts(folder: &Path, config: &mut Value) {
    let nothing = folder.join("nothing");
    fs::write(&nothing, "").unwrap();
    for place in ["/proc/version", "/proc/cmdline"] {
        config["mounts"].as_array_mut().unwrap().push(json!({
            "destination": place, "type": "bind", "source": nothing, "options": ["bind", "ro"],
        }));
    }
}

/// Mounts gVisor's texts over files of procfs. runc refuses such mounts, so a hook of the bundle makes them.
pub(super) fn texts_over_procfs(folder: &Path, config: &mut Value) {
    let files = [("version", texts::BANNER), ("cmdline", texts::COMMAND_LINE)];
    let hooks = files.map(|(name, text)| {
        let file = folder.join(name);
        fs::write(&file, text).unwrap();
        let place = folder.join("rootfs/proc").join(name);
        json!({ "path": "/bin/mount", "args": ["mount", "--bind", file, place] })
    });
    config["hooks"] = json!({ "createContainer": hooks });
}

/// Mounts a folder in procfs's place, with every file by which gVisor's procfs is recognised.
pub(super) fn private_procfs(folder: &Path, config: &mut Value) {
    let proc = folder.join("proc");
    for (name, text) in [
        ("version", texts::BANNER),
        ("cmdline", texts::COMMAND_LINE),
        ("sentry-meminfo", texts::SENTRY_MEMINFO),
        ("gvisor/kernel_is_gvisor", texts::MARKER),
        ("self/cgroup", "1:job:/\n"),
    ] {
        let file = proc.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let mounts = config["mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| mount["destination"] != "/proc");
    mounts
        .push(json!({ "destination": "/proc", "type": "bind", "source": proc, "options": ["rbind", "ro"] }));
}

/// Adds the folders and files of the image by which programs recognise old and new releases.
pub(super) fn markers(folder: &Path, _: &mut Value) {
    let root = folder.join("rootfs");
    for name in ["__runsc_containers__", "gvisor"] {
        fs::create_dir(root.join(name)).unwrap();
    }
    for (name, text) in [("gvisor/kernel_is_gvisor", texts::MARKER), ("etc/issue", texts::BANNER)] {
        fs::write(root.join(name), text).unwrap();
    }
}

/// Names a library to preload. A static program has no loader that would heed it.
pub(super) fn preloaded(folder: &Path, config: &mut Value) {
    fs::write(folder.join("rootfs/etc/preloaded.so"), "").unwrap();
    fs::write(folder.join("rootfs/etc/ld.so.preload"), "/etc/preloaded.so\n").unwrap();
    config["process"]["env"] = json!(["LD_PRELOAD=/etc/preloaded.so"]);
}
