//! The probe in a third container beside two running ones, which share its process namespace as in a pod: it sees the processes,
//! the mounts and the privileges of both, and carries nothing else of them.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use nix::mount::{MntFlags, umount2};
use proto::{
    Budget, Evidence, MountTable, Observer, ProcessStatus, Processes,
    worker::{self, Order, Progress},
};
use serde_json::{Value, json};
use stage::{
    Ground, bundle, run,
    worlds::{self, World},
};

use crate::{Row, row, secrets};

/// The containers of a pod, by their folders.
const SANDBOX: &str = "sandbox";
const ROOT: &str = "root";
const CLEAN: &str = "clean";
const PROBE: &str = "probe";

/// The program of the root container. Its name, its argument, its variable and its files are the workload's own.
const PROGRAM: &str = "/bin/xk29-vqh7-program";
const SECONDS: &str = "00000000000120";
const VARIABLE: &str = "xk29-vqh7-variable";
const CONTENT: &str = "xk29-vqh7-content";
/// gVisor keeps this capability; it takes `NET_RAW` away by default (gVisor, `runsc/config/flags.go`).
const SYS_PTRACE: u64 = 1 << 19;

pub(super) fn rows() -> Vec<Row> {
    let worlds = worlds::all().unwrap_or_default().into_iter();
    let of_world = |world: World| {
        let (name, skipped) = (format!("running containers seen in {}", world.name), world.missing.is_some());
        Row { skipped, ..row(name, move || seen(&world)) }
    };
    worlds.filter(|world| world.runtime.is_some()).map(of_world).collect()
}

fn seen(world: &World) {
    let mut pod = Pod::new(world);
    pod.start(SANDBOX, |_, config| config["process"]["user"] = json!({ "uid": 65535, "gid": 65535 }));
    pod.start(ROOT, privileged);
    pod.start(CLEAN, |_, _| ());
    pod.start(PROBE, |_, _| ());
    let said = pod.observe(&[Observer::Credentials, Observer::Processes]);
    for secret in [PROGRAM, SECONDS, VARIABLE, CONTENT] {
        assert!(!secrets::is_in(&said, secret), "{secret}");
    }
    let processes = processes(&said);
    assert!(!processes.truncated, "{processes:#?}");
    let (status, table) = of_user(&processes, 0);
    assert_eq!(status.capabilities.effective & SYS_PTRACE, SYS_PTRACE, "{processes:#?}");
    assert_ne!(status.seccomp.no_new_privs, Some(true), "{processes:#?}");
    let mount = |path: &str| table.mounts.mounts.iter().rfind(|mount| mount.mount_point == path);
    assert!(!mount("/").unwrap().read_only() && mount("/data").is_some(), "{processes:#?}");
    // `/bin/app` of the other containers runs as the user nobody, the sandbox's own process as another.
    let (status, clean) = of_user(&processes, 65534);
    assert_eq!((status.capabilities.effective, status.capabilities.permitted), (0, 0), "{processes:#?}");
    assert_ne!(status.seccomp.no_new_privs, Some(false), "{processes:#?}");
    assert!(clean.mounts.mounts.iter().rfind(|mount| mount.mount_point == "/").unwrap().read_only());
    assert_ne!(table.root_mount, clean.root_mount);
    // gVisor of 2022 gives containers that name the sandbox's process namespace one of their own together.
    let has_own_process = !world.name.contains("2022");
    if has_own_process {
        assert_ne!(of_user(&processes, 65535).1.root_mount, clean.root_mount);
    }
    assert_eq!(processes.mount_tables.len(), 2 + usize::from(has_own_process), "{processes:#?}");
    pod.end();
}

/// Makes a container of root with a capability, a writable root and a folder of the machine.
fn privileged(folder: &std::path::Path, config: &mut Value) {
    let capabilities = json!(["CAP_SYS_PTRACE"]);
    config["process"]["user"] = json!({ "uid": 0, "gid": 0 });
    config["process"]["noNewPrivileges"] = json!(false);
    config["process"]["args"] = json!([PROGRAM, "hold", SECONDS]);
    config["process"]["env"] = json!([format!("SECRET={VARIABLE}")]);
    for set in ["bounding", "effective", "permitted"] {
        config["process"]["capabilities"][set] = capabilities.clone();
    }
    config["root"]["readonly"] = json!(false);
    let data = folder.join("data");
    fs::create_dir(&data).unwrap();
    fs::create_dir(folder.join("rootfs/data")).unwrap();
    for file in [data.join("content"), folder.join("rootfs/etc/passwd")] {
        fs::write(file, CONTENT).unwrap();
    }
    fs::copy(run::probe(), folder.join("rootfs").join(PROGRAM.trim_start_matches('/'))).unwrap();
    let mount = json!({ "destination": "/data", "type": "bind", "source": data, "options": ["bind", "rw"] });
    config["mounts"].as_array_mut().unwrap().push(mount);
}

fn processes(said: &[u8]) -> Processes {
    let (mut said, mut evidence) = (said.to_vec(), Evidence::default());
    while let Some(progress) = worker::take::<Progress>(&mut said).unwrap() {
        if let Progress::Done(observed) = progress {
            evidence.record(observed).unwrap();
        }
    }
    evidence.processes.seen().unwrap().clone()
}

/// Returns the single process of a user in another container, and its mounts.
fn of_user(processes: &Processes, user: u32) -> (ProcessStatus, &MountTable) {
    let mut found = processes.processes.iter().filter_map(|process| {
        let status = process.status.seen()?;
        let table = processes.table_of(process)?;
        (status.credentials.effective_user == user).then_some((*status, table))
    });
    let first = found.next().unwrap_or_else(|| panic!("no process of {user}: {processes:#?}"));
    assert!(found.next().is_none(), "{processes:#?}");
    first
}

/// Containers in one sandbox, the first of which is the sandbox's own.
struct Pod {
    ground: Ground,
    runtime: Vec<String>,
    started: Vec<&'static str>,
}

impl Pod {
    fn new(world: &World) -> Self {
        let ground = Ground::beside_others();
        let mut runtime: Vec<_> =
            world.runtime.iter().flat_map(|words| words.split(' ')).map(str::to_owned).collect();
        runtime.extend(["--root".to_owned(), ground.path().join("state").display().to_string()]);
        runtime.extend(world.gvisor.then(|| "--network=none".to_owned()));
        Self { ground, runtime, started: Vec::new() }
    }

    fn start(&mut self, container: &'static str, change: impl FnOnce(&std::path::Path, &mut Value)) {
        let folder = self.ground.path().join(container);
        fs::create_dir(&folder).unwrap();
        let sandbox = (container != SANDBOX).then(|| self.process());
        let (id, id_of_sandbox) = (self.id(container), self.id(SANDBOX));
        bundle::write(&folder, |config| {
            config["process"]["args"] = json!(["/bin/app", "hold", SECONDS]);
            let linux = config["linux"].as_object_mut().unwrap();
            linux.remove("resources");
            linux.remove("cgroupsPath");
            let kind = if let Some(process) = &sandbox {
                for namespace in linux["namespaces"].as_array_mut().unwrap() {
                    let kind = namespace["type"].as_str().unwrap().replace("network", "net");
                    if kind != "mount" {
                        namespace["path"] = json!(format!("/proc/{process}/ns/{kind}"));
                    }
                }
                "container"
            } else {
                "sandbox"
            };
            // gVisor's own annotations of containerd (gVisor, `runsc/specutils/cri.go`).
            config["annotations"] = json!({
                "io.kubernetes.cri.container-type": kind,
                "io.kubernetes.cri.sandbox-id": id_of_sandbox,
            });
            change(&folder, config);
        });
        fs::copy(run::probe(), folder.join("rootfs/bin/app")).unwrap();
        self.started.push(container);
        for words in [&["create", "--bundle", folder.to_str().unwrap(), &id][..], &["start", &id]] {
            assert!(self.command(words).status().unwrap().success(), "{words:?}");
        }
    }

    /// Returns a container's id, which no pod of another row has: a runtime names the control group by it.
    fn id(&self, container: &str) -> String {
        let ground = self.ground.path().file_name().unwrap().to_string_lossy();
        format!("podproof-{container}-{ground}")
    }

    /// Returns the sandbox's process on the machine.
    fn process(&self) -> u64 {
        let mut state = self.command(&["state", &self.id(SANDBOX)]);
        let state = state.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        assert!(state.status.success(), "{state:?}");
        serde_json::from_slice::<Value>(&state.stdout).unwrap()["pid"].as_u64().unwrap()
    }

    /// Runs the probe's worker in its container, and returns all that it says.
    fn observe(&self, observers: &[Observer]) -> Vec<u8> {
        let limit = Duration::from_secs(20);
        let budget = Budget { observer: limit, egress: limit, again: None };
        let order = Order { observers: observers.to_vec(), targets: Vec::new(), budget };
        let mut exec = self.command(&["exec", &self.id(PROBE), "/bin/app", "observe"]);
        let mut child = exec.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut written = Vec::new();
        worker::send(&mut written, &order).unwrap();
        child.stdin.take().unwrap().write_all(&written).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.runtime[0]);
        command.args(&self.runtime[1..]).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Ends all containers, and proves that nothing else is left of them.
    fn end(mut self) {
        self.delete();
        let names = [SANDBOX, ROOT, CLEAN, PROBE, "state"];
        assert_eq!(self.ground.leftovers(&names), [""; 0]);
    }

    fn delete(&mut self) {
        for container in self.started.drain(..).rev().collect::<Vec<_>>() {
            _ = self.command(&["delete", "--force", &self.id(container)]).status();
        }
        // runsc of 2026 keeps an empty network namespace mounted with its state.
        _ = umount2(&self.ground.path().join("state/null-netns"), MntFlags::MNT_DETACH);
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.delete();
    }
}
