//! The command line of an OCI runtime, as programs of this stage receive it that stand in a runtime's place.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use serde_json::Value;

/// `KIND RUNTIME… --root STATE ACTION … [--bundle DIR] ID`.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// How this program is to behave.
    pub kind: String,
    /// The real runtime with its own arguments; empty where there is none.
    pub runtime: Vec<String>,
    /// What it is to do, with the global options before.
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

    /// `run`, `kill`, `delete`.
    pub fn action(&self) -> &str {
        self.rest.get(2).map_or("", String::as_str)
    }

    /// The bundle, where it is to be run.
    pub fn bundle(&self) -> Option<&Path> {
        let place = self.rest.iter().position(|word| word == "--bundle")?;
        self.rest.get(place + 1).map(Path::new)
    }

    /// The container's.
    pub fn id(&self) -> &str {
        self.rest.iter().rfind(|word| word.starts_with("podproof-")).map_or("", String::as_str)
    }

    /// The real runtime, told to do something else with the same state.
    pub fn command(&self, rest: &[&str]) -> io::Result<Command> {
        let mut words = self.runtime.iter();
        let program = words.next().ok_or_else(|| io::Error::other("which runtime?"))?;
        let mut command = Command::new(program);
        command.args(words).args(self.rest.iter().take(2)).args(rest);
        Ok(command)
    }

    /// Has the real runtime do what this one was told to.
    pub fn pass_on(&self) -> io::Result<ExitCode> {
        let rest: Vec<_> = self.rest.iter().skip(2).map(String::as_str).collect();
        let status = self.command(&rest)?.status()?;
        Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Lets the configuration be changed that is to be run.
    pub fn change(&self, change: impl FnOnce(&mut Value)) -> io::Result<()> {
        let path = self.config_path()?;
        let mut config = self.config()?;
        change(&mut config);
        fs::write(path, config.to_string())
    }

    /// The configuration that is to be run.
    pub fn config(&self) -> io::Result<Value> {
        Ok(serde_json::from_slice(&fs::read(self.config_path()?)?)?)
    }

    fn config_path(&self) -> io::Result<PathBuf> {
        let bundle = self.bundle().ok_or_else(|| io::Error::other("which bundle?"))?;
        Ok(bundle.join("config.json"))
    }
}
