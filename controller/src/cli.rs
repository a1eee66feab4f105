//! The command line: one file for each subcommand, and the code that they share.

mod args;
mod attest;
mod attested;
mod cleanup;
mod completions;
mod console;
mod diff;
mod doctor;
mod ending;
mod error;
mod evidence;
mod explain_policy;
mod files;
mod gate;
mod image;
mod key;
mod plan;
mod policy;
mod publishing;
mod rbac;
mod requirements;
mod schema;
mod score;
mod signing;
mod verify;
mod watch;
mod withdrawal;

use std::{ffi::OsString, io, rc::Rc};

use clap::{CommandFactory, Parser, Subcommand};

use crate::{
    judge::exit::Exit,
    run::RunError,
    support::world::{self, World},
};
use args::cluster::Patience;
use error::CommandError;

/// Proves that sandboxes run on gVisor, isolated from the network and from the host
#[derive(Debug, Parser)]
#[command(name = "controller", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(Box<verify::Arguments>),
    Score(score::Arguments),
    Diff(diff::Arguments),
    Attest(attest::Arguments),
    Policy(policy::Arguments),
    Plan(Box<plan::Arguments>),
    Doctor(Box<doctor::Arguments>),
    ExplainPolicy(explain_policy::Arguments),
    Rbac(rbac::Arguments),
    Gate(Box<gate::Arguments>),
    Watch(Box<watch::Arguments>),
    Cleanup(cleanup::Arguments),
    Image(image::Arguments),
    Key(key::Arguments),
    #[command(visible_alias = "explain")]
    Requirements(requirements::Arguments),
    Schema(schema::Arguments),
    Completions(completions::Arguments),
    Man(completions::Pages),
}

/// Runs the command line and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    console::log();
    run_parsed(arguments)
}

/// Runs the command line in a simulated world, without logs of its own.
pub fn simulate(world: Rc<dyn World>, arguments: impl IntoIterator<Item = OsString>) -> Exit {
    world::within(world, || run_parsed(arguments))
}

fn run_parsed(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // clap writes help to standard output and errors to standard error; either may be closed.
            _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ready };
        }
    };
    match cli.command {
        Command::Verify(arguments) => arguments.run(),
        Command::Score(arguments) => arguments.run(),
        Command::Diff(arguments) => arguments.run(),
        Command::Attest(arguments) => arguments.run(),
        Command::Policy(arguments) => arguments.run(),
        Command::Plan(arguments) => arguments.run(),
        Command::Doctor(arguments) => arguments.run(),
        Command::ExplainPolicy(arguments) => arguments.run(),
        Command::Rbac(arguments) => arguments.run(),
        Command::Gate(arguments) => arguments.run(),
        Command::Watch(arguments) => arguments.run(),
        Command::Cleanup(arguments) => arguments.run(),
        Command::Image(arguments) => arguments.run(),
        Command::Key(arguments) => arguments.run(),
        Command::Requirements(arguments) => arguments.run(),
        Command::Schema(arguments) => arguments.run(),
        Command::Completions(arguments) => arguments.run(Cli::command()),
        Command::Man(arguments) => arguments.run(Cli::command()),
    }
}

/// Runs a command that asks a cluster as [`block_on`] does, within a time.
fn block_within(patience: Patience, command: impl Future<Output = Result<Exit, CommandError>>) -> Exit {
    block_on(async { within(patience, command).await? })
}

/// Returns the answer to a question that is put to a cluster, if it comes within the time.
async fn within<T>(patience: Patience, question: impl Future<Output = T>) -> Result<T, CommandError> {
    let answered = tokio::time::timeout(patience.timeout, question).await;
    answered.map_err(|_| RunError::NoAnswer.into())
}

/// Runs a command that makes a run or asks a cluster, prints its error and returns its exit code.
fn block_on(command: impl Future<Output = Result<Exit, CommandError>>) -> Exit {
    match completed(command) {
        Ok(ended) => ended.map_or(Exit::CouldNotRun, exit_of),
        Err(error) => {
            console::tell(&error, None);
            Exit::CouldNotRun
        }
    }
}

/// Returns the end of a command; `None` if a simulated world dropped the command in the middle.
fn completed<T>(command: impl Future<Output = T>) -> io::Result<Option<T>> {
    if let Some(world) = world::simulated() {
        let mut ended = None;
        world.block_on(Box::pin(async { ended = Some(command.await) }));
        return Ok(ended);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(Some(runtime.block_on(command)))
}

/// Returns the exit code of a command, and prints its error.
fn exit_of(ended: Result<Exit, CommandError>) -> Exit {
    ended.unwrap_or_else(|error| {
        error.tell();
        error.exit()
    })
}
