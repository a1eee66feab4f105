//! The worlds that a probe can find itself in, each an OCI runtime command for `--runtime`.

use std::{env, path::PathBuf, process::Command};

/// A world by name.
#[derive(Clone, Debug)]
pub struct World {
    /// For people.
    pub name: &'static str,
    /// For `--runtime`; `None` for no sandbox.
    pub runtime: Option<String>,
    /// Whether the kernel in it is gVisor's.
    pub gvisor: bool,
    /// Why it cannot be had on this machine; CI has every world.
    pub missing: Option<String>,
}

/// Every world of this machine. `Err` names what is missing.
pub fn all() -> Result<Vec<World>, String> {
    let (trixie, missing) = match of_trixie() {
        Ok(path) => (path, None),
        Err(why) if env::var_os("CI").is_none() => (String::new(), Some(why)),
        Err(why) => return Err(why),
    };
    let world = |name: &'static str, runtime: Option<String>, gvisor| {
        let missing = missing.clone().filter(|_| name.contains("2024"));
        World { name, runtime, gvisor, missing }
    };
    Ok(vec![
        world("runsc of the machine", Some(installed("runsc")?), true),
        world("runsc of 2024, systrap", Some(trixie.clone()), true),
        world("runsc of 2024, ptrace", Some(format!("{trixie} --platform=ptrace")), true),
        world("runc", Some(installed("runc")?), false),
        world("no sandbox", None, false),
    ])
}

/// The path of an installed runtime.
pub fn installed(name: &str) -> Result<String, String> {
    let folders = ["/usr/local/bin", "/usr/bin", "/usr/sbin"];
    let found = folders.iter().map(|folder| PathBuf::from(folder).join(name)).find(|path| path.is_file());
    found.map(|path| path.display().to_string()).ok_or_else(|| format!("there is no {name}: run `make test`"))
}

fn of_trixie() -> Result<String, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/stage/runsc-of-trixie");
    let output = Command::new(script).output().map_err(|error| format!("{script}: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What keeps the sandbox tests from running here.
pub fn missing() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("they need root: run `make test`".to_owned());
    }
    all().err()
}
