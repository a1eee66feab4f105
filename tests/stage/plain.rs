//! `plain KIND --root STATE run --bundle DIR ID`: a program that is no OCI runtime, made to run a bundle.
//! `bubblewrap`; `chroot`, a changed root directory in an empty network namespace.
#![forbid(unsafe_code)]
#![expect(clippy::indexing_slicing, reason = "a configuration is indexed by name")]

use std::{
    env,
    io::{self, Seek},
    os::{fd::IntoRawFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    unistd::{Gid, Uid, chdir, chroot, setgid, setgroups, setuid},
};
use serde_json::Value;
use stage::{Invocation, filter};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<ExitCode> {
    let words: Vec<_> = env::args().skip(1).collect();
    let invocation = Invocation::of(&words).ok_or("plain KIND --root STATE run --bundle DIR ID")?;
    if invocation.action() != "run" {
        // The sandbox ends with the controller's process group, and keeps no state.
        return Ok(ExitCode::SUCCESS);
    }
    let container = Container::of(&invocation.config()?, invocation.bundle().ok_or("which bundle?")?);
    match invocation.kind.as_str() {
        "bubblewrap" => Err(container.bubblewrap()?.exec().into()),
        "chroot" => Err(container.chroot()?.exec().into()),
        kind => Err(format!("there is no {kind}").into()),
    }
}

/// The part of a configuration that these programs can apply.
struct Container {
    root: PathBuf,
    words: Vec<String>,
    user: u32,
    /// Type, source and destination of each mount.
    mounts: Vec<[String; 3]>,
    filter: Value,
}

impl Container {
    fn of(config: &Value, bundle: &Path) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mount = |mount: &Value| ["type", "source", "destination"].map(|key| text(&mount[key]));
        Self {
            root: bundle.join(text(&config["root"]["path"])),
            words: list(&config["process"]["args"]).iter().map(text).collect(),
            user: config["process"]["user"]["uid"]
                .as_u64()
                .and_then(|id| u32::try_from(id).ok())
                .unwrap_or_default(),
            mounts: list(&config["mounts"]).iter().map(mount).collect(),
            filter: config["linux"]["seccomp"].clone(),
        }
    }

    fn bubblewrap(&self) -> Result<Command> {
        let user = self.user.to_string();
        let mut command = Command::new("bwrap");
        command.args(["--unshare-all", "--die-with-parent", "--uid", &user, "--gid", &user]);
        command.arg("--ro-bind").arg(&self.root).arg("/");
        for [kind, source, destination] in &self.mounts {
            match kind.as_str() {
                "proc" => command.args(["--proc", destination]),
                _ => command.args(["--ro-bind", source, destination]),
            };
        }
        if let Some(filter) = filter::of(&self.filter)? {
            // bwrap itself makes calls that a profile denies, so it installs the profile last.
            let program = tempfile::tempfile()?;
            filter.export_bpf(&program)?;
            (&program).rewind()?;
            fcntl(&program, FcntlArg::F_SETFD(FdFlag::empty()))?;
            command.args(["--seccomp", &program.into_raw_fd().to_string()]);
        }
        command.args(["--chdir", "/", "--"]).args(&self.words);
        Ok(command)
    }

    fn chroot(&self) -> Result<Command> {
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)?;
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        for [kind, source, destination] in &self.mounts {
            let place = self.root.join(destination.trim_start_matches('/'));
            match kind.as_str() {
                "proc" => mount(Some("proc"), &place, Some("proc"), MsFlags::empty(), none)?,
                _ => mount(Some(source.as_str()), &place, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?,
            }
        }
        chroot(&self.root)?;
        chdir("/")?;
        setgroups(&[])?;
        setgid(Gid::from_raw(self.user))?;
        setuid(Uid::from_raw(self.user))?;
        if let Some(filter) = filter::of(&self.filter)? {
            filter.load()?;
        }
        let (program, words) = self.words.split_first().ok_or_else(|| io::Error::other("which program?"))?;
        let mut command = Command::new(program);
        command.args(words).env_clear();
        Ok(command)
    }
}
