//! The command line of an OCI runtime, as runc, runsc and crun accept it.

use std::{
    env,
    ffi::OsString,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use tokio::{io::AsyncReadExt, process::Command, time::timeout};

use crate::case::leftover::Leftover;

/// The longest answer of a runtime that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// A runtime with the user's own arguments, and a container.
#[derive(Clone, Debug)]
pub(super) struct Runtime {
    words: Vec<String>,
    /// The folder with the containers' state; `None` if the user's own arguments name one.
    state: Option<PathBuf>,
    id: String,
}

/// A container's state, as far as it is of use.
#[derive(Debug, Deserialize)]
pub(super) struct State {
    pub(super) id: String,
    pub(super) status: String,
    /// The container's first process on the machine, or the process of its sandbox; 0 if none runs.
    #[serde(default)]
    pub(super) pid: i32,
    pub(super) bundle: PathBuf,
}

/// A runtime's answer.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) succeeded: bool,
    pub(super) output: Vec<u8>,
    pub(super) errors: Vec<u8>,
}

/// Returns the path of `runsc`; `None` if no executable of this name is on `PATH`.
pub fn installed_runsc() -> Option<PathBuf> {
    installed("runsc")
}

/// Returns the path of a runtime; `None` if no executable of this name is on `PATH`.
pub(super) fn installed(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| {
        file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}

impl Runtime {
    pub(super) fn new(words: &[String], state: &Path, id: &str) -> Self {
        Self { words: words.to_vec(), state: Some(state.to_owned()), id: id.to_owned() }
    }

    /// Returns a runtime whose own arguments name the folder with its state.
    pub(super) fn in_its_own_folder(words: Vec<String>, id: &str) -> Self {
        Self { words, state: None, id: id.to_owned() }
    }

    /// Returns the same runtime with another container.
    pub(super) fn of(self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self }
    }

    /// Returns the runtime's command line in front of an action, in one text.
    pub(super) fn title(&self) -> String {
        self.shown().join(" ")
    }

    /// Returns the runtime's command line in front of an action, as words for people.
    pub(super) fn shown(&self) -> Vec<String> {
        self.command_line().iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    /// Returns the command line of an action.
    pub(super) fn words(&self, action: &str) -> Vec<OsString> {
        let mut words = self.command_line();
        words.push(action.into());
        words
    }

    fn command_line(&self) -> Vec<OsString> {
        let state = self.state.iter().flat_map(|state| ["--root".into(), state.into()]);
        self.words.iter().map(OsString::from).chain(state).collect()
    }

    /// Runs an action with arguments of its own, and returns the answer; `None` without one in time.
    pub(super) async fn said(&self, words: &[&str], grace: Duration) -> Option<Said> {
        let (action, arguments) = words.split_first()?;
        let mut command = self.command(action);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().ok()?;
        let (output, errors) = (child.stdout.take()?, child.stderr.take()?);
        let answer = async {
            let (mut said, mut complained) = (Vec::new(), Vec::new());
            let (mut output, mut errors) = (output.take(LONGEST), errors.take(LONGEST));
            let (_, _) =
                tokio::try_join!(output.read_to_end(&mut said), errors.read_to_end(&mut complained)).ok()?;
            let status = child.wait().await.ok()?;
            Some(Said { succeeded: status.success(), output: said, errors: complained })
        };
        timeout(grace, answer).await.ok().flatten()
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn run(&self, bundle: &Path) -> Command {
        let mut command = self.command("run");
        command.arg("--bundle").arg(bundle).arg(&self.id);
        command
    }

    /// Kills every process of the container. A failure is ignored: the container may be gone already.
    pub(super) async fn kill(&self, grace: Duration) {
        let mut command = self.command("kill");
        command.arg(&self.id).arg("KILL");
        _ = quietly(command, grace).await;
    }

    /// Removes the runtime's state of the container; returns true on success.
    pub(super) async fn delete(&self, grace: Duration) -> bool {
        quietly(self.deletion(), grace).await
    }

    /// Returns the container as a leftover, for a deletion that failed.
    pub(super) fn leftover(&self) -> Leftover {
        let deletion = self.deletion();
        let words = [deletion.as_std().get_program()].into_iter().chain(deletion.as_std().get_args());
        let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        Leftover { what: format!("the container {}", self.id), remedy: words.join(" ") }
    }

    /// Returns the container's state (OCI runtime specification, runtime.md, "State"); `None` if the runtime does not know the
    /// container.
    pub(super) async fn told(&self, grace: Duration) -> Option<State> {
        let said = self.said(&["state", &self.id], grace).await?;
        serde_json::from_slice(&said.output).ok().filter(|_| said.succeeded)
    }

    fn deletion(&self) -> Command {
        let mut command = self.command("delete");
        command.arg("--force").arg(&self.id);
        command
    }

    fn command(&self, action: &str) -> Command {
        let mut words = self.words(action).into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command
    }
}

async fn quietly(mut command: Command, grace: Duration) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    match command.spawn() {
        Ok(mut child) => matches!(timeout(grace, child.wait()).await, Ok(Ok(status)) if status.success()),
        Err(_) => false,
    }
}
