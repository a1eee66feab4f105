//! The probe: observes inside a sandbox and reports its observations. It changes nothing and judges nothing.
//!
//! `probe report` speaks gRPC over its standard input and output. It starts `probe observe`, the worker that runs the
//! observers. `probe hold` and `probe listen` are the main processes of pods: the first waits, the second is the listener.
//! `probe release` ends a process that waits. `probe --version` prints the version.

mod egress;
mod executable;
mod filesystem;
mod gather;
mod hold;
mod kernel;
mod lifetime;
mod listen;
mod network;
mod privilege;
mod process_status;
mod release;
mod report;
mod resources;
mod stdio;
mod sys;
mod text;
mod vantage;
mod worker;

use std::{env, error::Error, io::Write, num::NonZeroU8, process::ExitCode};

/// `EX_USAGE` of sysexits.h. Exit codes of 64 and above tell the controller that the probe itself ran and failed; lower
/// codes come from the runtime that should have started it.
const USAGE: u8 = 64;
/// `EX_PROTOCOL` of sysexits.h.
const PROTOCOL: u8 = 76;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["report"] => exit_code(report::run(NonZeroU8::MIN)),
        ["report", assignments] => match assignments.parse() {
            Ok(assignments) => exit_code(report::run(assignments)),
            Err(_) => usage(),
        },
        ["observe"] => exit_code(worker::run()),
        ["--version"] => exit_code(writeln!(std::io::stdout(), concat!("probe ", env!("CARGO_PKG_VERSION")))),
        ["hold", seconds] => match seconds.parse() {
            Ok(seconds) => exit_code(hold::run(&[], None, seconds)),
            Err(_) => usage(),
        },
        ["hold", ports, token, seconds] => match (hold::ports(ports), token.parse(), seconds.parse()) {
            (Ok(ports), Ok(token), Ok(seconds)) => exit_code(hold::run(&ports, Some(token), seconds)),
            _ => usage(),
        },
        ["release", token] => match token.parse() {
            Ok(token) => exit_code(release::run(token)),
            Err(_) => usage(),
        },
        ["listen", ports, seconds] => match (ports.parse(), seconds.parse()) {
            (Ok(ports), Ok(seconds)) => exit_code(listen::run(&ports, seconds, None)),
            _ => usage(),
        },
        ["listen", ports, token, seconds] => match (ports.parse(), token.parse(), seconds.parse()) {
            (Ok(ports), Ok(token), Ok(seconds)) => exit_code(listen::run(&ports, seconds, Some(token))),
            _ => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    say(
        "usage: probe report [ASSIGNMENTS] | observe | hold [PORT/PROTOCOL,... TOKEN] LIFETIME_SECONDS | release TOKEN | listen PORT[,PORT/PROTOCOL]... [TOKEN] LIFETIME_SECONDS | --version\nhelp: the controller starts the probe; run `controller verify --local`",
    );
    ExitCode::from(USAGE)
}

fn exit_code<E: Error>(result: Result<(), E>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    let mut chain = format!("probe: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        source = cause.source();
    }
    say(&chain);
    ExitCode::from(PROTOCOL)
}

/// Prints to standard error. A failure is ignored: if standard error is closed, there is no other place for a message.
fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}
