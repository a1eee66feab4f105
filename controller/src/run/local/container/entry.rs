//! The way of the probe into a running container. Its program comes in as a descriptor of a file in memory, which nobody can
//! change any more: no file of the container is written, and no program of the container can change what runs on the machine.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Write},
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    fcntl::{FcntlArg, SealFlag, fcntl},
    sys::{
        memfd::{MFdFlags, memfd_create},
        signal::{Signal, kill},
    },
    unistd::Pid,
};
use proto::Nonce;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{Container, ContainerError, Way};
use crate::{case::visitor::Visitor, run::local::survey, support::uncommon_user::uncommon_user};

/// The shell's way to open the program as the first descriptor behind the standard ones, which both kinds of `exec` take.
const WITH_PROGRAM: &str = r#"exec 3<"$0"; exec "$@""#;
const DESCRIPTOR: u32 = 3;

/// A probe in a running container.
#[derive(Debug)]
pub(in crate::run::local) struct Entry {
    pub(in crate::run::local) container: Container,
    program: OwnedFd,
    /// The probe's user in the container.
    user: u32,
    /// The file in which the runtime keeps the probe's process number in the container.
    number: PathBuf,
}

impl Entry {
    /// Prepares the probe for a container. `folder` is the run's own.
    pub(in crate::run::local) fn prepare(
        container: Container,
        probe: &[u8],
        folder: &Path,
        nonce: Nonce,
    ) -> Result<(Self, Command), ContainerError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ContainerError::Prepare { path, source }
        };
        let program = sealed(probe).map_err(failed(Path::new("a file in memory")))?;
        let user = user(&container.bundle.config, nonce);
        let entry = Self { container, program, user, number: folder.join("number") };
        let process = folder.join("process.json");
        std::fs::write(&process, entry.process().to_string()).map_err(failed(&process))?;
        let command = entry.command(&process);
        Ok((entry, command))
    }

    /// Returns the path of the program on the machine, for as long as this controller runs.
    pub(in crate::run::local) fn program(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), self.program.as_raw_fd()))
    }

    /// Returns the probe's user beside the container's own program.
    pub(in crate::run::local) fn visitor(&self) -> Visitor {
        visitor(&self.container.bundle.config, self.user)
    }

    /// Ends the probe. A failure is ignored: the probe may have ended already, and ends by itself once its streams are closed.
    pub(in crate::run::local) async fn end(&self, grace: Duration) {
        match self.container.way {
            Way::ExecFd => {
                let Ok(number) = std::fs::read_to_string(&self.number) else { return };
                let runtime = &self.container.runtime;
                _ = runtime.said(&["kill", "--pid", number.trim(), runtime.id(), "KILL"], grace).await;
            }
            Way::PreservedFd => {
                for process in survey::processes_that_run(&self.program()) {
                    _ = kill(Pid::from_raw(process), Signal::SIGKILL);
                }
            }
        }
    }

    /// Returns the probe's process: without privileges, and confined as the container's own program.
    fn process(&self) -> Value {
        let path = match self.container.way {
            // The runtime ignores the path, and shows it as the program's name.
            Way::ExecFd => "/probe".to_owned(),
            Way::PreservedFd => format!("/proc/self/fd/{DESCRIPTOR}"),
        };
        let config = &self.container.bundle.config;
        let mut process = json!({
            "terminal": false,
            "user": { "uid": self.user, "gid": self.user },
            "args": [path, "report"],
            "env": [],
            "cwd": "/",
            "capabilities": { "bounding": [], "effective": [], "permitted": [], "inheritable": [], "ambient": [] },
            "noNewPrivileges": true,
        });
        let label = |key: &str| Some((key.to_owned(), config.get("process")?.get(key)?.clone()));
        if let Some(process) = process.as_object_mut() {
            process.extend(["apparmorProfile", "selinuxLabel"].into_iter().filter_map(label));
        }
        process
    }

    fn command(&self, process: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WITH_PROGRAM]).arg(self.program());
        command.args(self.container.runtime.words("exec")).arg("--process").arg(process);
        match self.container.way {
            Way::ExecFd => {
                command.arg("--exec-fd").arg(DESCRIPTOR.to_string());
                command.arg("--internal-pid-file").arg(&self.number);
            }
            Way::PreservedFd => _ = command.args(["--preserve-fds", "1"]),
        }
        command.arg(self.container.runtime.id());
        command
    }
}

/// Returns the program as a file in memory that nobody can change any more.
fn sealed(program: &[u8]) -> io::Result<OwnedFd> {
    let file = memfd_create(c"podproof", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    let mut file = File::from(file);
    file.write_all(program)?;
    let seals =
        SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file.into())
}

/// Compares the probe's user with a container's configuration. A program without `noNewPrivileges` may gain the capabilities of its
/// bounding set.
fn visitor(config: &Value, user: u32) -> Visitor {
    let process = config.get("process");
    let number = process.and_then(|it| it.pointer("/user/uid")?.as_u64()).unwrap_or(0);
    let gains = process.and_then(|it| it.get("noNewPrivileges")?.as_bool()) != Some(true);
    let sets = ["effective", "permitted", "inheritable", "ambient"].into_iter();
    let sets = sets
        .chain(gains.then_some("bounding"))
        .filter_map(|set| process?.get("capabilities")?.get(set)?.as_array());
    let configured: BTreeSet<_> = sets.flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    Visitor {
        user,
        is_the_containers: number == u64::from(user),
        configured: configured.into_iter().collect(),
    }
}

/// Returns a user that no process of the container has, as far as the container's user namespace maps one.
fn user(config: &Value, nonce: Nonce) -> u32 {
    let user = uncommon_user(nonce);
    let mappings = config.pointer("/linux/uidMappings").and_then(Value::as_array).into_iter().flatten();
    let last = mappings.filter_map(|mapping| {
        let number = |key: &str| mapping.get(key).and_then(Value::as_u64);
        let end = number("containerID")?.checked_add(number("size")?)?.checked_sub(1)?;
        u32::try_from(end).ok()
    });
    last.max().map_or(user, |last| user.min(last))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn the_program_in_memory_can_be_read_and_not_changed() {
        let program = sealed(b"program").unwrap();
        let path = format!("/proc/self/fd/{}", program.as_raw_fd());
        assert_eq!(fs::read(&path).unwrap(), b"program");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o111, 0o111);
        assert!(fs::write(&path, b"another").is_err());
    }

    #[test]
    fn the_user_is_nobody_elses_where_the_container_maps_it() {
        let nonce = Nonce([0xff; 16]);
        assert_eq!(user(&json!({}), nonce), uncommon_user(nonce));
        let mapped = |size: u64| json!({ "linux": { "uidMappings": [{ "containerID": 0, "hostID": 100_000, "size": size }] } });
        assert_eq!(user(&mapped(65_536), nonce), 65_535);
        assert_eq!(user(&mapped(1), nonce), 0);
    }

    #[test]
    fn a_visitor_knows_the_containers_user_and_its_capabilities() {
        let config = |no_new_privs: bool| {
            let capabilities =
                json!({ "bounding": ["CAP_SETUID"], "permitted": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"] });
            json!({ "process": { "user": { "uid": 7 }, "noNewPrivileges": no_new_privs, "capabilities": capabilities } })
        };
        let of = |no_new_privs, user| visitor(&config(no_new_privs), user);
        assert_eq!(of(true, 8).configured, ["CAP_CHOWN"]);
        assert_eq!(of(false, 8).configured, ["CAP_CHOWN", "CAP_SETUID"]);
        assert!(of(true, 7).is_the_containers && !of(true, 8).is_the_containers);
        assert!(visitor(&json!({}), 0).is_the_containers);
    }
}
