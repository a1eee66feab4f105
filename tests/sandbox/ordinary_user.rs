//! The controller without root: runsc's rootless mode, and the message where there is none.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use stage::{
    Ended, Ground, bundle, run,
    worlds::{self, World},
};

use crate::{Row, row};

/// Far more time than a sandbox needs to start.
const PATIENCE: Duration = Duration::from_mins(1);
const PRODUCTION: &[&str] = &["--environment", "production", "--output", "json"];
/// Requirements that are not met: an ordinary user cannot set limits, and no sandbox of these releases has full
/// hardening.
const LACKS: [(&str, &str); 2] = [("resource-limits", "inconclusive"), ("runtime-hardening", "unmet")];

pub(super) fn rows() -> Vec<Row> {
    let worlds = worlds::all().unwrap_or_default().into_iter();
    let worlds = worlds.filter(|world| world.gvisor && crate::limits::is_first_of_its_release(world));
    let of_world = |world: World| {
        let skipped = world.missing.is_some();
        let name = format!("an ordinary user has {} judged, but for limits", world.name);
        Row { skipped, ..row(name, move || judged(&world)) }
    };
    let others = [
        row("an ordinary user has the runsc on PATH judged", on_path),
        row("an ordinary user has a bundle judged", of_a_bundle),
        row("an ordinary user is told that a bundle with a network needs root", with_a_network),
        row("an ordinary user is told that runc needs root, in its words", by_runc),
        row("an ordinary user is told that there are no user namespaces", without_user_namespaces),
        row("SIGTERM in an ordinary user's sandbox leaves nothing", interrupted),
    ];
    worlds.map(of_world).chain(others).collect()
}

/// Programs that an ordinary user may run, and a folder where that user may write.
struct Home {
    ground: Ground,
    temporary: PathBuf,
}

impl Home {
    fn new() -> Self {
        let ground = Ground::new();
        let temporary = ground.path().join("nobody");
        fs::create_dir(&temporary).unwrap();
        chown(&temporary, Some(run::NOBODY), Some(run::NOBODY)).unwrap();
        Self { ground, temporary }
    }

    /// Returns a copy of a program, which everybody may run.
    fn copy(&self, program: &Path) -> PathBuf {
        let copy = self.ground.path().join(program.file_name().unwrap());
        fs::copy(program, &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
        copy
    }

    fn start(&self, words: &[&str]) -> Child {
        let controller = self.copy(&run::controller_program());
        run::as_nobody(&controller, &[&["verify", "--local", "--quiet"], words].concat(), &self.temporary)
    }

    /// Returns how a run ended, after a proof that nothing of it is left.
    fn verify(&self, words: &[&str]) -> Ended {
        let ended = run::ended(self.start(words));
        self.assert_clean(&[]);
        ended
    }

    fn assert_clean(&self, names: &[&str]) {
        let entries = fs::read_dir(&self.temporary).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
        assert_eq!(left, names);
        let ours = ["nobody", "controller", "runsc", "impostor", "mine"];
        assert_eq!(self.ground.leftovers(&ours), [""; 0]);
    }
}

fn assert_judged(ended: &Ended) {
    let expected = LACKS.map(|(id, outcome)| (id.to_owned(), outcome.to_owned()));
    assert_eq!(ended.lacking(), BTreeMap::from(expected), "{ended:#?}");
    let because = ended.finding("resource-limits")["because"].to_string();
    assert!(because.contains("without root"), "{because}");
    assert_eq!(ended.code(), Some(3), "{ended:#?}");
}

fn judged(world: &World) {
    let home = Home::new();
    let (program, flags) = world.runtime.as_deref().unwrap().split_once(' ').unwrap();
    let runtime = format!("{} {flags}", home.copy(Path::new(program)).display());
    assert_judged(&home.verify(&[PRODUCTION, &["--runtime", &runtime]].concat()));
    let ended = home.verify(&["--runtime", &runtime]);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
}

fn on_path() {
    let home = Home::new();
    let ended = home.verify(PRODUCTION);
    assert_judged(&ended);
    assert!(ended.out.contains("--rootless"), "{}", ended.out);
}

fn of_a_bundle() {
    let home = Home::new();
    let runtime = format!("{} --network=none", worlds::installed("runsc").unwrap());
    assert_judged(&home.verify(&[PRODUCTION, &["--runtime", &runtime, "--bundle", &mine(&home)]].concat()));
}

fn with_a_network() {
    let home = Home::new();
    let ended = home.verify(&["--bundle", &mine(&home)]);
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert!(ended.err.contains("sandbox network isn't supported with --rootless"), "{}", ended.err);
    assert!(ended.err.contains("help: ") && ended.err.contains("sudo"), "{}", ended.err);
}

fn mine(home: &Home) -> String {
    let folder = home.ground.path().join("mine");
    fs::create_dir(&folder).unwrap();
    bundle::write(&folder, |_| ());
    folder.to_str().unwrap().to_owned()
}

fn by_runc() {
    let ended = Home::new().verify(&["--runtime", "runc"]);
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert!(ended.err.contains("rootless container requires user namespaces"), "{}", ended.err);
    assert!(ended.err.contains("help: OCI runtimes usually need root"), "{}", ended.err);
}

/// Each user namespace limits the number of namespaces in it. Here the limit is that of a namespace made for the test
/// (namespaces(7)).
fn without_user_namespaces() {
    let home = Home::new();
    // Root makes the namespace, under whatever number root has in it.
    chown(&home.temporary, Some(0), Some(0)).unwrap();
    let controller = home.copy(&run::controller_program());
    let script = "echo 0 >/proc/sys/user/max_user_namespaces && \
                  exec setpriv --inh-caps=-all --ambient-caps=-all \"$0\" verify --local --quiet";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-user=1000", "--keep-caps", "sh", "-c", script]).arg(controller);
    let ended = run::ended(run::clean(command).env("TMPDIR", &home.temporary).spawn().unwrap());
    home.assert_clean(&[]);
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert!(
        ended.err.contains("help: runsc without root needs a user namespace, and this machine allows none"),
        "{}",
        ended.err
    );
}

fn interrupted() {
    let home = Home::new();
    let impostor = home.copy(&run::impostor());
    let runsc = worlds::installed("runsc").unwrap();
    let runtime = format!("{} mute {runsc} --network=none --rootless", impostor.display());
    let child = home.start(&["--runtime", &runtime]);
    let process = Pid::from_raw(child.id().cast_signed());
    let (started, up) = (Instant::now(), home.temporary.join("up"));
    while !up.exists() {
        assert!(started.elapsed() < PATIENCE, "the sandbox did not come up");
        thread::sleep(Duration::from_millis(10));
    }
    kill(process, Signal::SIGTERM).unwrap();
    let ended = run::ended(child);
    assert_eq!(ended.code(), Some(130), "{ended:#?}");
    home.assert_clean(&["up"]);
}
