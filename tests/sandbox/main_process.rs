//! The probe as a pod's main process, PID 1: it waits, reaps, and ends at a signal or at the end of its lifetime.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    mount::{MntFlags, umount2},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;
use stage::{
    Ground, bundle, run,
    worlds::{self, World},
};

use crate::{Row, row};

const HOLD: &[&str] = &["hold"];
const LISTEN: &[&str] = &["listen", "7777"];

/// Seconds beyond [`PATIENCE`], at which the leftovers of a failed test end.
const LONG: &str = "120";
/// Far more time than a child needs to end.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn rows() -> Vec<Row> {
    let worlds = worlds::all().unwrap_or_default();
    let mut rows = vec![
        row("an orphan is reaped, and a signal ends who reaped it", orphan),
        row("a lifetime or port that is none is wrong usage", usage),
    ];
    for world in worlds.into_iter().filter(|world| world.runtime.is_some()) {
        for words in [HOLD, LISTEN] {
            let (name, skipped) = (format!("{} in {}", words[0], world.name), world.missing.is_some());
            let (its_time, signalled) = (world.clone(), world.clone());
            let rows_of_both = [
                row(format!("{name} ends by itself"), move || by_itself(&its_time, words)),
                row(format!("{name} ends by a signal"), move || by_signal(&signalled, words)),
            ];
            rows.extend(rows_of_both.map(|row| Row { skipped, ..row }));
        }
    }
    rows
}

/// A container whose program is the probe.
struct Container {
    ground: Ground,
    runtime: Vec<String>,
    id: String,
    running: Child,
}

impl Container {
    fn start(world: &World, words: &[&str], seconds: &str) -> Self {
        let ground = Ground::beside_others();
        let folder = ground.path().join("mine");
        fs::create_dir(&folder).unwrap();
        let id = bundle::write(&folder, |config| {
            let words = ["/bin/app"].iter().chain(words).chain([&seconds]).copied();
            config["process"]["args"] = json!(words.collect::<Vec<_>>());
        });
        fs::copy(run::probe(), folder.join("rootfs/bin/app")).unwrap();
        let mut runtime: Vec<_> = world.runtime.iter().flat_map(|words| words.split(' ')).collect();
        let state = ground.path().join("state");
        runtime.extend(["--root", state.to_str().unwrap()]);
        if world.gvisor {
            runtime.push("--network=none");
        }
        let runtime: Vec<_> = runtime.into_iter().map(str::to_owned).collect();
        let running = command(&runtime, &["run", "--bundle", folder.to_str().unwrap(), &id]).spawn().unwrap();
        Self { ground, runtime, id, running }
    }

    /// Waits for the end of the container, and proves that nothing else is left of it.
    fn ended(mut self, status: ExitStatus) {
        assert_eq!(status.code(), Some(0), "{status}");
        assert!(self.running.try_wait().unwrap().is_some());
        self.unmount();
        assert_eq!(self.ground.leftovers(&["mine", "state"]), [""; 0]);
    }

    /// runsc of 2026 keeps an empty network namespace mounted with its state.
    fn unmount(&self) {
        _ = umount2(&self.ground.path().join("state/null-netns"), MntFlags::MNT_DETACH);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.unmount();
    }
}

fn command(runtime: &[String], words: &[&str]) -> Command {
    let mut command = Command::new(&runtime[0]);
    command.args(&runtime[1..]).args(words).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

fn by_itself(world: &World, words: &[&str]) {
    let mut container = Container::start(world, words, "1");
    let status = container.running.wait().unwrap();
    container.ended(status);
}

fn by_signal(world: &World, words: &[&str]) {
    for signal in ["TERM", "INT"] {
        let mut container = Container::start(world, words, LONG);
        listening(container.running.stdout.take());
        let sent = command(&container.runtime, &["kill", &container.id, signal]).status().unwrap();
        assert!(sent.success(), "{sent}");
        let status = eventually("the container to end", || container.running.try_wait().unwrap());
        container.ended(status);
    }
}

/// Has a shell leave a child behind and become the probe, which then has a child that it never started.
fn orphan() {
    let script = "exec 3<&0; (cat <&3 >/dev/null 3<&- &); exec \"$0\" hold \"$1\" 3<&-";
    let mut unshare = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child", "sh", "-c", script])
        .arg(run::probe())
        .arg(LONG)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    listening(unshare.stdout.take());
    let first = children(unshare.id())[0];
    assert_eq!(children(first).len(), 1);
    drop(unshare.stdin.take());
    eventually("the orphan to be reaped", || children(first).is_empty().then_some(()));
    assert_eq!(unshare.try_wait().unwrap(), None);
    kill(Pid::from_raw(first.cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(unshare.wait().unwrap().code(), Some(0));
}

fn usage() {
    for words in [
        &["hold"][..],
        &["hold", "0"],
        &["hold", "-1"],
        &["hold", "1", "1"],
        &["listen", "7777"],
        &["listen", "0", "1"],
        &["listen", "65536", "1"],
        &["listen", "7777", "soon"],
    ] {
        let ended = Command::new(run::probe()).args(words).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(64), "{words:?}: {said}");
        assert!(said.contains("[TOKEN] LIFETIME_SECONDS | --version"), "{said}");
    }
}

/// Returns the children of a process, including dead ones that nobody has reaped.
fn children(process: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    listed.split_whitespace().map(|child| child.parse().unwrap()).collect()
}

/// Waits until the probe says that it handles signals.
fn listening(output: Option<ChildStdout>) {
    let mut line = String::new();
    BufReader::new(output.unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("probe: ") && line.ends_with(&format!(" for {LONG} s\n")), "{line}");
}

fn eventually<T>(what: &str, mut there: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = there() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
