//! A shell in the network of a running cluster, for a person to try the product there.

use std::{
    env,
    ffi::OsString,
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::{ATTACH, ONE, Place, State, part};
use crate::run;

/// Becomes a shell in the network of the control plane, or runs a shell command there. The shell has the
/// administrator's KUBECONFIG, and controller and kubectl on PATH. Returns only if that fails.
pub fn shell(command: Option<&str>) -> io::Error {
    match prepared(command) {
        Ok(mut shell) => shell.exec(),
        Err(error) => error,
    }
}

fn prepared(command: Option<&str>) -> io::Result<Command> {
    let state = State::at(&meant()?);
    let controller = run::controller_program();
    let mut folders = vec![part("kubernetes")];
    folders.extend(controller.parent().map(Path::to_owned));
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let path = env::join_paths(folders).map_err(io::Error::other)?;

    Place::of(&state, ONE).join()?;
    let mut shell = match command {
        Some(command) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", command]);
            shell
        }
        None => Command::new(env::var_os("SHELL").unwrap_or(OsString::from("sh"))),
    };
    shell.env("PATH", path).env("KUBECONFIG", state.kubeconfig());
    shell.env("KUBECACHEDIR", state.join("home/cache"));
    Ok(shell)
}

/// Returns the folder of the cluster that the environment names, else of the only cluster that runs.
fn meant() -> io::Result<PathBuf> {
    if let Some(folder) = env::var_os(ATTACH) {
        return Ok(folder.into());
    }
    let mut running = running(&env::temp_dir());
    match running.len() {
        0 => Err(io::Error::other("no cluster runs: start one with `make cluster` in another terminal")),
        1 => Ok(running.remove(0)),
        _ => {
            let folders: Vec<_> = running.iter().map(|folder| folder.display().to_string()).collect();
            let folders = folders.join(", ");
            Err(io::Error::other(format!("several clusters run: name one of {folders} in {ATTACH}")))
        }
    }
}

/// Returns the folders of the clusters that run.
fn running(temporary: &Path) -> Vec<PathBuf> {
    let entries = temporary.read_dir().into_iter().flatten().flatten();
    let is_held = |folder: &Path| {
        let state = State::at(folder);
        let is_there = state.kubeconfig().is_file() && state.place(ONE).is_file();
        is_there && Place::of(&state, ONE).is_held(folder)
    };
    entries.map(|entry| entry.path()).filter(|folder| is_held(folder)).collect()
}
