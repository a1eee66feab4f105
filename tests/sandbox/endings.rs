//! Ends of a run: by a signal, with a report that cannot be written, quiet or not.

use std::{
    fs::File,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use stage::{Ground, controller, run, worlds};

use crate::{Row, readme::lasting, row};

/// Far more time than a sandbox needs to start.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for runtime in ["runsc", "runc"] {
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            rows.push(row(format!("{signal} in a running {runtime} leaves nothing"), move || {
                interrupted(runtime, signal);
            }));
        }
    }
    rows.push(row("a timeout in a running runsc leaves nothing", timed_out));
    rows.push(row("a report that cannot be written ends 4", unwritten));
    rows.push(row("progress is one line for each change, and nothing with --quiet", progress));
    rows
}

/// Starts a run whose real sandbox is up and whose probe is not heard.
fn mute(ground: &Ground, runtime: &str, timeout: &str) -> Child {
    let network = if runtime == "runsc" { " --network=none" } else { "" };
    let runtime = worlds::installed(runtime).unwrap();
    let command = format!("{} mute {runtime}{network}", run::impostor().display());
    let mut controller =
        controller(&["verify", "--local", "--quiet", "--timeout", timeout, "--runtime", &command]);
    controller.env("TMPDIR", ground.path()).spawn().unwrap()
}

fn interrupted(runtime: &str, signal: Signal) {
    let ground = Ground::new();
    let child = mute(&ground, runtime, "60s");
    let process = Pid::from_raw(child.id().cast_signed());
    let started = Instant::now();
    let up = ground.path().join("up");
    while !up.exists() {
        assert!(started.elapsed() < PATIENCE, "the sandbox did not come up");
        thread::sleep(Duration::from_millis(10));
    }
    kill(process, signal).unwrap();
    let ended = run::ended(child);
    assert_eq!(ended.code(), Some(130), "{ended:#?}");
    assert_eq!(ground.leftovers(&["up"]), [""; 0], "{ended:#?}");
}

fn timed_out() {
    let ground = Ground::new();
    let ended = run::ended(mute(&ground, "runsc", "3s"));
    assert_eq!(ended.code(), Some(5), "{ended:#?}");
    assert_eq!(ground.leftovers(&["up"]), [""; 0], "{ended:#?}");
}

fn unwritten() {
    let ground = Ground::new();
    for output in ["text", "json"] {
        let full = File::create("/dev/full").unwrap();
        let mut controller = controller(&["verify", "--local", "--quiet", "--output", output]);
        let child = controller.env("TMPDIR", ground.path()).stdout(Stdio::from(full)).spawn().unwrap();
        let ended = run::ended(child);
        assert_eq!(ended.code(), Some(4), "{ended:#?}");
        assert!(ended.err.contains("failed to write the report"), "{}", ended.err);
    }
    assert_eq!(ground.leftovers(&[]), [""; 0]);
}

fn progress() {
    let ground = Ground::new();
    let spoken = run::run(&["verify", "--local"], ground.path(), &[]);
    for line in ["starting a sandbox with", "probe 0.1.0 looks at", "the evidence is whole"] {
        assert!(spoken.err.contains(line) && !spoken.out.contains(line), "{spoken:#?}");
    }
    assert!(!spoken.err.contains('\u{1b}') && !spoken.out.contains('\u{1b}'), "{spoken:#?}");
    let quiet = run::run(&["verify", "--local", "--quiet"], ground.path(), &[]);
    assert_eq!((quiet.err.as_str(), lasting(&quiet.out)), ("", lasting(&spoken.out)));
    assert_eq!(ground.leftovers(&[]), [""; 0]);
}
