//! The command line of an OCI runtime, as programs of this stage receive it in a runtime's place.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use serde_json::Value;

/// A parsed command line: `KIND RUNTIME… --root STATE ACTION … [--bundle DIR] ID`.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The behaviour that this program shall show.
    pub kind: String,
    /// The real runtime with its own arguments; empty if there is none.
    pub runtime: Vec<String>,
    /// The action and its arguments, after the global options.
    pub rest: Vec<String>,
}

impl Invocation {
    /// Parses a command line without the program's own name.
    pub fn of(words: &[String]) -> Option<Self> {
        let (kind, words) = words.split_first()?;
        let root = words.iter().rposition(|word| word == "--root")?;
        let (runtime, rest) = words.split_at_checked(root)?;
        Some(Self { kind: kind.clone(), runtime: runtime.to_vec(), rest: rest.to_vec() })
    }

    /// Returns the action: `run`, `kill` or `delete`.
    pub fn action(&self) -> &str {
        self.rest.get(2).map_or("", String::as_str)
    }

    /// Returns the bundle; `None` for an action without one.
    pub fn bundle(&self) -> Option<&Path> {
        let place = self.rest.iter().position(|word| word == "--bundle")?;
        self.rest.get(place + 1).map(Path::new)
    }

    /// Returns the container's id.
    pub fn id(&self) -> &str {
        self.rest.iter().rfind(|word| word.starts_with("podproof-")).map_or("", String::as_str)
    }

    /// Returns the real runtime's command for another action on the same state.
    pub fn command(&self, rest: &[&str]) -> io::Result<Command> {
        let mut words = self.runtime.iter();
        let program = words.next().ok_or_else(|| io::Error::other("which runtime?"))?;
        let mut command = Command::new(program);
        command.args(words).args(self.rest.iter().take(2)).args(rest);
        Ok(command)
    }

    /// Has the real runtime perform the action.
    pub fn pass_on(&self) -> io::Result<ExitCode> {
        let rest: Vec<_> = self.rest.iter().skip(2).map(String::as_str).collect();
        let status = self.command(&rest)?.status()?;
        Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Changes the configuration of the bundle.
    pub fn change(&self, change: impl FnOnce(&mut Value)) -> io::Result<()> {
        let path = self.config_path()?;
        let mut config = self.config()?;
        change(&mut config);
        fs::write(path, config.to_string())
    }

    /// Returns the configuration of the bundle.
    pub fn config(&self) -> io::Result<Value> {
        Ok(serde_json::from_slice(&fs::read(self.config_path()?)?)?)
    }

    fn config_path(&self) -> io::Result<PathBuf> {
        let bundle = self.bundle().ok_or_else(|| io::Error::other("which bundle?"))?;
        Ok(bundle.join("config.json"))
    }
}
