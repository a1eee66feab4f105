//! A service: one process of the cluster that runs in the background of a place, with a log.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
};

use nix::sys::signal::Signal;

use super::{Place, State, patience};

/// A service, and how to start it.
#[derive(Debug)]
pub struct Service {
    name: String,
    place: Place,
    state: State,
    words: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
}

impl Service {
    pub(super) fn new(state: &State, place: Place, name: &str, program: impl AsRef<OsStr>) -> Self {
        let words = vec![program.as_ref().to_owned()];
        Self { name: name.to_owned(), place, state: state.clone(), words, variables: Vec::new() }
    }

    /// Adds an argument.
    pub(super) fn word(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(word.as_ref().to_owned());
        self
    }

    pub(super) fn words(mut self, words: &[&str]) -> Self {
        self.words.extend(words.iter().map(OsString::from));
        self
    }

    /// Adds an option and its value, which is mostly a path.
    pub(super) fn option(self, name: &str, value: impl AsRef<Path>) -> Self {
        let word = format!("{name}={}", value.as_ref().display());
        self.word(word)
    }

    pub(super) fn variable(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name, value.as_ref().to_owned()));
        self
    }

    /// Returns the service's log.
    pub fn log(&self) -> PathBuf {
        self.state.log(&self.name)
    }

    /// Starts the service, also again after a stop.
    pub fn start(&self) {
        _ = fs::remove_file(self.pid());
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        // It forks inside, so that its parent is the place's first process: no process outside has to wait for it, or
        // could fail to.
        let mut command = self.place.within("setsid");
        command.args(["--fork", "sh", "-c", r#"echo $$ >"$0.draft"; mv "$0.draft" "$0"; exec "$@""#]);
        command.arg(self.pid()).args(&self.words);
        command.env_clear().env("PATH", super::parts::SYSTEM).env("HOME", self.state.join("home"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        assert!(command.status().unwrap().success(), "{command:?}");
        patience::until(&format!("the start of {}", self.name), &self.log(), || self.number().is_some());
    }

    /// Waits for a sign that the service works.
    pub(super) fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        patience::until(&format!("{}: {what}", self.name), &self.log(), || {
            assert!(self.lives(), "{} has ended; {}", self.name, patience::tail(&self.log()));
            condition()
        });
    }

    /// Waits until the service listens on a port.
    pub(super) fn until_listens(&self, port: u16) {
        self.until(&format!("port {port}"), || self.place.listens(port));
    }

    /// True if the service runs.
    pub fn lives(&self) -> bool {
        self.number().is_some_and(|process| self.place.has(process))
    }

    /// Ends the service at once, as a crash would, and waits for the end.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
        patience::until(&format!("the end of {}", self.name), &self.log(), || !self.lives());
    }

    /// Freezes the service: its clients hang.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets a frozen service go on.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let process = self.number().unwrap_or_else(|| panic!("{} was not started", self.name));
        self.place.sh(&format!("kill -{} {process}", signal as i32));
    }

    fn pid(&self) -> PathBuf {
        self.state.pid(&self.name)
    }

    fn number(&self) -> Option<u32> {
        fs::read_to_string(self.pid()).ok()?.trim().parse().ok()
    }
}
