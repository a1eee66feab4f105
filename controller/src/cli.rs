//! The command line: what it accepts, and how an error is told.

mod image;
mod verify;

use std::{
    error::Error as StdError,
    ffi::OsString,
    io::{self, IsTerminal, Write},
};

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::{exit::Exit, progress::colour_is_wanted, verify::Error};

/// Proves whether sandboxes are what they claim to be: gVisor, cut off from the network and from the host.
#[derive(Debug, Parser)]
#[command(name = "controller", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(verify::Arguments),
    Image(image::Arguments),
}

/// Runs the command line and says how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    log();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // clap writes help to standard output and errors to standard error; neither may be there.
            _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ready };
        }
    };
    match cli.command {
        Command::Verify(arguments) => arguments.run(),
        Command::Image(arguments) => arguments.run(),
    }
}

/// Logs are not the report: they go to standard error, and only if `RUST_LOG` asks for more than warnings.
fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let colour = io::stderr().is_terminal() && colour_is_wanted();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour)
        .without_time()
        .init();
}

/// Tells an error once, as a chain, with what to do next.
fn tell(error: &dyn StdError, help: Option<&str>) {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        source = cause.source();
    }
    let help = help.map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    // Where standard error is closed, the exit code is all that can be told.
    _ = writeln!(io::stderr(), "error: {chain}{help}");
}

/// What to do about an error of a run.
fn help(error: &Error) -> Option<&'static str> {
    use crate::launch;
    match error {
        Error::NoProbe => Some("build it in with `make build`, or name a static probe with --probe PATH"),
        Error::ReadProbe { .. } => Some("--probe takes the static probe; `make probe` builds it"),
        Error::Plan(_) => Some("install runsc, or name a runtime with --runtime"),
        Error::Launch(launch::Error::Bundle(_)) => {
            Some("--bundle takes a folder with config.json and its root file system, as `runc spec` makes it")
        }
        Error::Launch(launch::Error::Start { .. }) => Some(
            "--runtime takes the path of an OCI runtime; without one, programs must be allowed to run in TMPDIR",
        ),
        Error::Launch(launch::Error::Scratch { .. }) => Some("set TMPDIR to a folder that can be written"),
        Error::NotStarted { .. } if !nix::unistd::geteuid().is_root() => {
            Some("OCI runtimes usually need root: run it again with sudo")
        }
        Error::NotStarted { .. } => {
            Some("run the runtime by hand to see more, or name another with --runtime")
        }
        Error::Write(_) | Error::Render(_) => Some("the verdict is not in the report; run again"),
        Error::Random(_) | Error::Signals(_) | Error::Witness(_) => None,
    }
}

/// What an error of a run makes of the exit code.
fn exit(error: &Error) -> Exit {
    match error {
        Error::Plan(_)
        | Error::Launch(crate::launch::Error::Bundle(_))
        | Error::NoProbe
        | Error::ReadProbe { .. } => Exit::Usage,
        _ => Exit::CouldNotRun,
    }
}
