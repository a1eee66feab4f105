//! `controller completions` and `controller man`: shell completions and man pages, made from the command line itself.

use std::{io, path::PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

use super::console::{print, tell};
use crate::judge::exit::Exit;

/// Prints the completion script of a shell
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller completions bash > /etc/bash_completion.d/controller\n  controller completions \
    zsh > \"${fpath[1]}/_controller\"\n  controller completions fish > ~/.config/fish/completions/controller.fish\n\nExit \
    codes: 0 done, 2 wrong usage, 4 could not write"
)]
pub(super) struct Arguments {
    /// The shell that reads the script
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// Writes the man pages into a folder
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller man /usr/local/share/man/man1\n\nExit codes: 0 done, 2 wrong usage, 4 could not \
    write"
)]
pub(super) struct Pages {
    /// The folder, which must exist
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// A failure to write the man pages.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the man pages into {}", folder.display())]
struct Unwritten {
    folder: PathBuf,
    source: io::Error,
}

impl Arguments {
    pub(super) fn run(self, mut command: Command) -> Exit {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "controller", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}

impl Pages {
    pub(super) fn run(self, command: Command) -> Exit {
        match clap_mangen::generate_to(command, &self.folder) {
            Ok(()) => Exit::Ready,
            Err(source) => {
                tell(&Unwritten { folder: self.folder, source }, Some("name an existing, writable folder"));
                Exit::CouldNotRun
            }
        }
    }
}
