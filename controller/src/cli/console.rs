//! The console: logs and errors on standard error, the answer of a command on standard output.

use std::{
    error::Error,
    io::{self, IsTerminal},
};

use tracing_subscriber::EnvFilter;

pub(super) use crate::support::world::say;
use crate::{
    judge::exit::Exit,
    support::{
        printable,
        world::{self, Stream},
    },
};

/// Returns true unless `NO_COLOR` has a value (no-color.org).
pub(super) fn colour_is_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The logs without `RUST_LOG`: warnings alone, and none of the client library, which logs each attempt that it fails. The command
/// tells the failure once.
const LOGGED: &str = "warn,kube_client=off,kube_runtime=off";

/// Sends logs to standard error; a few alone unless `RUST_LOG` is set.
pub(super) fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let colour = io::stderr().is_terminal() && colour_is_wanted();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour)
        .without_time()
        .init();
}

/// Prints an error once, as a chain, with its remedy.
pub(super) fn tell(error: &dyn Error, help: Option<&str>) {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        source = cause.source();
    }
    let help = help.map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    // If standard error is closed, only the exit code shows the error.
    _ = world::write(Stream::Error, format!("error: {}{help}\n", printable::error(&chain)).as_bytes());
}

/// Prints the answer of a command to standard output, without text that harms its reader.
pub(super) fn print(text: &str) -> Exit {
    match world::write(Stream::Output, printable::page(text).as_bytes()) {
        Ok(()) => Exit::Ready,
        Err(error) => {
            tell(&error, Some("standard output must be open"));
            Exit::CouldNotRun
        }
    }
}
