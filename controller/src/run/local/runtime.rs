//! The command line of an OCI runtime, as runc, runsc and crun accept it.

use std::{
    env,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use crate::case::leftover::Leftover;

/// A runtime with the user's own arguments, and the container to run.
#[derive(Debug)]
pub(super) struct Runtime {
    words: Vec<String>,
    state: PathBuf,
    id: String,
}

/// Returns the path of `runsc`; `None` if no executable of this name is on `PATH`.
pub fn installed_runsc() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join("runsc")).find(|file| {
        file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}

impl Runtime {
    pub(super) fn new(words: &[String], state: &Path, id: &str) -> Self {
        Self { words: words.to_vec(), state: state.to_owned(), id: id.to_owned() }
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

    fn deletion(&self) -> Command {
        let mut command = self.command("delete");
        command.arg("--force").arg(&self.id);
        command
    }

    fn command(&self, action: &str) -> Command {
        let mut words = self.words.iter();
        let mut command = Command::new(words.next().map_or("", String::as_str));
        command.args(words).arg("--root").arg(&self.state).arg(action);
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
