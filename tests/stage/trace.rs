//! A whole run of the probe under strace(1), on the machine's own kernel and in an empty network namespace.

use std::{fs, path::Path};

use crate::{Ended, run};

/// A system call as strace prints it: the arguments at its beginning, and each descriptor with the file it is open
/// on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// The calling process's number.
    pub process: u32,
    /// The call's name.
    pub name: String,
    /// The text after the name. It includes the result if the call ended before strace reported another process.
    pub rest: String,
}

/// Has the controller run the probe under strace as this user, with further arguments. Returns how the run ended, and
/// the calls.
pub fn run(ground: &Path, user: &str, words: &[&str]) -> (Ended, Vec<Call>) {
    let file = ground.join("trace");
    let strace = format!("strace --user={user} --follow-forks --decode-fds=all --output={}", file.display());
    let script = format!(
        "case \" $* \" in *\" run \"*) exec unshare --net {strace} {} report;; esac",
        run::probe().display()
    );
    let runtime = format!("sh -c '{script}' traced");
    let usual = ["verify", "--local", "--quiet", "--output", "json", "--runtime", &runtime];
    let ended = run::run(&[&usual[..], words].concat(), ground, &[]);
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{error}: {ended:#?}"));
    (ended, text.lines().filter_map(Call::parse).collect())
}

// === impl Call ===

impl Call {
    /// Parses one line of `strace --follow-forks`. Returns `None` for signals, for exits, and for the end of a call
    /// that began in an earlier line.
    pub fn parse(line: &str) -> Option<Self> {
        let (process, rest) = line.split_once(' ')?;
        let (name, rest) = rest.trim_start().split_once('(')?;
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        (!name.is_empty() && name.bytes().all(word)).then(|| Self {
            process: process.parse().unwrap_or_default(),
            name: name.to_owned(),
            rest: rest.to_owned(),
        })
    }

    /// Returns the first argument.
    pub fn first(&self) -> &str {
        self.rest.split([',', ')']).next().unwrap_or_default()
    }
}
