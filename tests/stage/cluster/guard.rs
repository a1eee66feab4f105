//! The guard: the one process outside. It starts the holders of all places, waits for their end, and removes what the
//! kernel does not. The guard lives as long as its standard input, whose other end the starter of the cluster keeps.
//! So the cluster ends however its starter ends.

use std::{
    fs::File,
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Place, State, patience, place};
use crate::run::program;

/// Returns the program that guards clusters, and starts them for people.
pub fn cluster_program() -> PathBuf {
    program("PODPROOF_CLUSTER_PROGRAM", "cluster")
}

/// Starts the guard in a process group of its own, because Ctrl-C means the tests.
pub(super) fn start(state: &State, places: &[&str]) -> Child {
    let log = File::create(state.log("guard")).unwrap();
    Command::new(cluster_program())
        .arg("guard")
        .arg(state.path())
        .args(places)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .process_group(0)
        .spawn()
        .unwrap()
}

/// Acts as the guard until every place has ended.
pub fn guard(state: &Path, places: &[String]) -> io::Result<()> {
    let holders: Vec<_> = places.iter().map(|name| place::start_holder(state, name)).collect();
    for holder in holders {
        holder?.wait()?;
    }
    State::at(state).sweep()
}

/// Ends a cluster by its folder, whoever started it.
pub fn down(folder: &Path) -> io::Result<()> {
    let state = State::at(folder);
    let names = folder.join("places").read_dir().into_iter().flatten().flatten();
    for name in names.filter_map(|entry| entry.file_name().into_string().ok()) {
        let place = Place::of(&state, &name);
        // The number may belong to another process by now.
        if !place.is_held(folder) {
            continue;
        }
        kill(Pid::from_raw(place.process().cast_signed()), Signal::SIGKILL)?;
        patience::until(&format!("the end of {name}"), &state.log("guard"), || !place.is_held(folder));
    }
    state.sweep()
}
