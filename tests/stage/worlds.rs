//! Worlds that a probe can run in, each an OCI runtime command for `--runtime`.

pub mod releases;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use releases::{Platform, Release, Runsc};

/// A world and its name.
#[derive(Clone, Debug)]
pub struct World {
    /// The world's name for people.
    pub name: String,
    /// The command for `--runtime`; `None` for no sandbox.
    pub runtime: Option<String>,
    /// True if the kernel in the sandbox is gVisor's.
    pub gvisor: bool,
    /// The reason why this machine cannot have the world; `None` where it can. CI has every world.
    pub missing: Option<String>,
}

/// Set while only the names of tests are wanted.
static NAMES_ONLY: AtomicBool = AtomicBool::new(false);

/// Treats every runtime as installed, so that names of tests can be listed before anything is fetched or built.
pub fn pretend() {
    NAMES_ONLY.store(true, Relaxed);
}

pub(crate) fn is_pretended() -> bool {
    NAMES_ONLY.load(Relaxed)
}

/// Returns every world of this machine in its plainest form. An error names the missing program.
pub fn all() -> Result<Vec<World>, String> {
    let mut all = Vec::new();
    for Release { name, runsc } in releases::all()? {
        match runsc {
            Ok(runsc) => {
                all.extend(runsc.platforms().iter().map(|&platform| genuine(&runsc, platform)));
            }
            Err(missing) => {
                all.push(World {
                    name: name.to_owned(),
                    runtime: None,
                    gvisor: true,
                    missing: Some(missing),
                });
            }
        }
    }
    all.push(World {
        name: "runc".to_owned(),
        runtime: Some(installed("runc")?),
        gvisor: false,
        missing: None,
    });
    all.push(World { name: "no sandbox".to_owned(), runtime: None, gvisor: false, missing: None });
    Ok(all)
}

fn genuine(runsc: &Runsc, platform: Platform) -> World {
    World {
        name: format!("runsc of {}, {platform}", runsc.year()),
        runtime: Some(runsc.command(platform)),
        gvisor: true,
        missing: None,
    }
}

/// Returns the path of an installed runtime.
pub fn installed(name: &str) -> Result<String, String> {
    let folders = ["/usr/local/bin", "/usr/bin", "/usr/sbin"];
    let found = folders.iter().map(|folder| PathBuf::from(folder).join(name)).find(|path| path.is_file());
    let found = found.or_else(|| is_pretended().then(|| PathBuf::from(name)));
    found.map(|path| path.display().to_string()).ok_or_else(|| format!("there is no {name}: run `make test`"))
}

/// Returns the reason why the sandbox tests cannot run here, if there is one.
pub fn missing() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("they need root: run `make test`".to_owned());
    }
    all().err()
}
