//! `probe release`: ends the process of `probe hold` with the same token, which waits beside a workload in a running pod. A pod's
//! container cannot be removed before its pod, so the process is what can be ended early.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use proto::Nonce;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to list the processes")]
    List(#[source] io::Error),
    #[error("failed to end process {pid}")]
    End {
        pid: Pid,
        #[source]
        source: Errno,
    },
    #[error("no process holds with this token")]
    Nobody,
}

/// The longest command line of `probe hold`, with many ports.
const LONGEST: u64 = 4096;

/// Ends the process that holds with a token. The workload's processes are visible, too, if containers share processes, and a
/// process may show any command line: the signal asks a process to end, and only a process of the same user takes it.
pub(crate) fn run(token: Nonce) -> Result<(), Error> {
    let token = token.to_string();
    let mut ended = false;
    for entry in fs::read_dir("/proc").map_err(Error::List)?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).map(Pid::from_raw)
        else {
            continue;
        };
        if !holds(&command_line(&entry.path()), &token) {
            continue;
        }
        match kill(pid, Signal::SIGTERM) {
            Ok(()) | Err(Errno::ESRCH) => ended = true,
            // Another user's process only imitates the command line.
            Err(Errno::EPERM) => (),
            Err(source) => return Err(Error::End { pid, source }),
        }
    }
    if ended { Ok(()) } else { Err(Error::Nobody) }
}

/// Returns the beginning of a process's command line; nothing for a process that is gone.
fn command_line(process: &Path) -> Vec<u8> {
    let mut line = Vec::new();
    if let Ok(file) = File::open(process.join("cmdline")) {
        _ = file.take(LONGEST).read_to_end(&mut line);
    }
    line
}

/// Returns true for the command line of `probe hold` with this token.
fn holds(line: &[u8], token: &str) -> bool {
    let words: Vec<_> = line.split(|&byte| byte == 0).collect();
    matches!(words.as_slice(), [_, b"hold", _, theirs, ..] if *theirs == token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_process_with_the_token_is_meant() {
        let token = "07".repeat(16);
        let line = |words: &[&str]| words.join("\0").into_bytes();
        assert!(holds(&line(&["/probe", "hold", "8790/tcp", &token, "60", ""]), &token));
        for other in [
            &["/probe", "hold", "60", ""][..],
            &["/probe", "hold", "8790/tcp", &"08".repeat(16), "60", ""],
            &["/probe", "report", ""],
            &["", ""],
        ] {
            assert!(!holds(&line(other), &token), "{other:?}");
        }
    }
}
