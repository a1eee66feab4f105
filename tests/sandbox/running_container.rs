//! Containers that run already, judged in place: the probe comes in by the runtime's `exec`, judges the container's own processes,
//! and leaves nothing behind.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::mount::{MntFlags, umount2};
use serde_json::{Value, json};
use stage::{
    Ended, Ground, bundle, run,
    worlds::{self, World},
};

use crate::{Row, broken::hardened, row, truth};

const SECONDS: &str = "120";

/// Requirements that a clean container of gVisor does not meet: by default, the sandbox itself opens its files.
const GVISOR: &[(&str, &str)] = &[("runtime-hardening", "unmet")];
/// Requirements that a clean container of runc does not meet: it is a container, and shows the machine's kernel.
const RUNC: &[(&str, &str)] = &[("runtime-isolation", "unmet"), ("system-information-hidden", "unmet")];

pub(super) fn rows() -> Vec<Row> {
    let worlds = worlds::all().unwrap_or_default().into_iter().chain([crun()]);
    let worlds = worlds.filter(|world| world.runtime.is_some());
    let of_world = |world: World| {
        let of = |name: &str, judged: fn(&World)| {
            let (skipped, its) = (world.missing.is_some(), world.clone());
            Row { skipped, ..row(format!("running container, {}: {name}", world.name), move || judged(&its)) }
        };
        // gVisor of 2022 cannot bring a program in.
        if world.name.contains("2022") {
            return vec![of("no way in", no_way)];
        }
        vec![
            of("clean", clean),
            of("as root", privileged),
            of("with a credential", trusted),
            of("without attempts", unattempted),
        ]
    };
    worlds.flat_map(of_world).collect()
}

/// crun is no world of [`worlds::all`]: its sandbox is runc's.
fn crun() -> World {
    let (runtime, missing) = match truth::crun() {
        Ok(runtime) => (runtime, None),
        Err(missing) => (String::new(), Some(missing)),
    };
    World { name: "crun".into(), runtime: Some(runtime), gvisor: false, missing }
}

fn clean(world: &World) {
    let container = Container::start(world, |_| ());
    let ended = container.verify(&[]);
    let expected = if world.gvisor { GVISOR } else { RUNC };
    assert_eq!(lacking(&ended), expected, "{ended:#?}");
    let least = ended.finding("least-privilege").to_string();
    assert!(least.contains("process 1 ") || least.contains("other processes of"), "{least}");
    assert_eq!(ended.report()["sandboxes"][0]["subject"]["id"], container.id, "{ended:#?}");
    // A second probe in the same container sees what the first one saw.
    assert_eq!(lacking(&container.verify(&[])), expected);
    container.end();
}

/// The probe has no privilege of its own; the container's process has.
fn privileged(world: &World) {
    let container = Container::start(world, |config| {
        config["process"]["user"] = json!({ "uid": 0, "gid": 0 });
        config["process"]["noNewPrivileges"] = json!(false);
        for set in ["bounding", "effective", "permitted"] {
            config["process"]["capabilities"][set] = json!(["CAP_SYS_PTRACE"]);
        }
    });
    let ended = container.verify(&[]);
    let least = ended.finding("least-privilege");
    assert_eq!(least["outcome"], "unmet", "{ended:#?}");
    assert!(least["because"].to_string().contains("process 1 "), "{least:#}");
    container.end();
}

/// The value stands in the bundle, and in nothing that the controller writes.
fn trusted(world: &World) {
    const VALUE: &str = "xk29-vqh7-value";
    let container = Container::start(world, |config| {
        config["process"]["env"] = json!(["PATH=/bin", format!("API_TOKEN={VALUE}")]);
    });
    let ended = container.verify(&[]);
    let secrets = ended.finding("secrets-absent");
    assert_eq!(secrets["outcome"], "unmet", "{ended:#?}");
    assert!(secrets["because"].to_string().contains("the variable API_TOKEN"), "{secrets:#}");
    assert!(!ended.out.contains(VALUE) && !ended.err.contains(VALUE), "{ended:#?}");
    container.end();
}

/// The container has no interface but loopback, and a network namespace of its own: its structure shows that nothing leaves it.
fn unattempted(world: &World) {
    let container = Container::start(world, |_| ());
    let ended = container.verify(&["--no-network"]);
    let network = ended.finding("network-isolation");
    assert_eq!(network["outcome"], "met", "{ended:#?}");
    assert!(network["because"].to_string().contains("so that nothing leaves it"), "{network:#}");
    assert_eq!(ended.report()["extent"]["left_out"][0]["by"], "--no-network", "{ended:#?}");
    container.end();
}

fn no_way(world: &World) {
    let container = Container::start(world, |_| ());
    let ended = container.verify(&[]);
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert!(ended.err.contains("neither `--exec-fd` nor `--preserve-fds`"), "{ended:#?}");
    container.end();
}

fn lacking(ended: &Ended) -> Vec<(&'static str, &'static str)> {
    let known = [GVISOR, RUNC].concat();
    let lacking = ended.lacking();
    let found = lacking.iter().map(|(id, outcome)| {
        let known = known.iter().find(|(known, expected)| known == id && expected == outcome);
        *known.unwrap_or_else(|| panic!("{id} {outcome}: {ended:#?}"))
    });
    found.collect()
}

/// A container that runs until it is deleted.
struct Container {
    ground: Ground,
    runtime: Vec<String>,
    id: String,
}

impl Container {
    fn start(world: &World, change: impl FnOnce(&mut Value)) -> Self {
        let ground = Ground::beside_others();
        let words = world.runtime.as_deref().unwrap();
        let mut runtime = shlex::split(words).unwrap();
        runtime.extend(world.gvisor.then(|| "--network=none".to_owned()));
        let folder = ground.path().join("mine");
        fs::create_dir(&folder).unwrap();
        let id = bundle::write(&folder, |config| {
            config["process"]["args"] = json!(["/bin/app", "hold", SECONDS]);
            hardened(config);
            change(config);
        });
        fs::copy(run::probe(), folder.join("rootfs/bin/app")).unwrap();
        let container = Self { ground, runtime, id };
        let id = &container.id;
        for words in [&["create", "--bundle", folder.to_str().unwrap(), id][..], &["start", id]] {
            assert!(container.command(words).status().unwrap().success(), "{words:?}");
        }
        container
    }

    /// Verifies the container for production, and proves that its process goes on and that its files are the same.
    fn verify(&self, more: &[&str]) -> Ended {
        let (runtime, state) = (
            shlex::try_join(self.runtime.iter().map(String::as_str)).unwrap(),
            self.state().display().to_string(),
        );
        let words = ["verify", "--local", "--quiet", "--environment", "production", "--output", "json"];
        let container = ["--container", &self.id, "--runtime", &runtime, "--root", &state];
        let own = || self.ground.leftovers(&["mine", "state"]);
        let (told, files, before) = (self.told(), files(&self.folder()), own());
        let ended = run::run(&[&words[..], &container, more].concat(), self.ground.path(), &[]);
        assert_eq!(self.told(), told, "{ended:#?}");
        assert_eq!(files_again(&self.folder(), &files), "", "{ended:#?}");
        assert_eq!(own(), before, "{ended:#?}");
        ended
    }

    /// Returns the runtime's statement of the container: its status and its process.
    fn told(&self) -> Value {
        let state = self.command(&["state", &self.id]).stdout(Stdio::piped()).output().unwrap();
        let state: Value = serde_json::from_slice(&state.stdout).unwrap();
        json!([state["status"], state["pid"]])
    }

    fn folder(&self) -> PathBuf {
        self.ground.path().join("mine")
    }

    fn state(&self) -> PathBuf {
        self.ground.path().join("state")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.runtime[0]);
        command.args(&self.runtime[1..]).arg("--root").arg(self.state()).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Ends the container, and proves that nothing else is left of it.
    fn end(self) {
        self.delete();
        assert_eq!(self.ground.leftovers(&["mine", "state"]), [""; 0]);
    }

    fn delete(&self) {
        _ = self.command(&["delete", "--force", &self.id]).status();
        // runsc of 2026 keeps an empty network namespace mounted with its state.
        _ = umount2(&self.state().join("null-netns"), MntFlags::MNT_DETACH);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.delete();
    }
}

/// Returns the paths below a folder with their lengths and times of change.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let metadata = entry.metadata().unwrap();
        let (path, length) = (entry.path(), metadata.len());
        found.push(format!("{} {length} {:?}", path.display(), metadata.modified().unwrap()));
        if metadata.is_dir() {
            found.extend(files(&path));
        }
    }
    found.sort_unstable();
    found
}

/// Returns the first difference from an earlier list; empty if there is none.
fn files_again(folder: &Path, earlier: &[String]) -> String {
    let now = files(folder);
    now.iter()
        .chain(earlier)
        .find(|it| !now.contains(it) || !earlier.contains(it))
        .cloned()
        .unwrap_or_default()
}
