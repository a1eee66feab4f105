//! The command line: what it accepts, and how an error is told.

mod args;
mod cleanup;
mod completions;
mod diff;
mod doctor;
mod image;
mod plan;
mod policy;
mod rbac;
mod requirements;
mod schema;
mod score;
mod verify;

use std::{
    error::Error as StdError,
    ffi::OsString,
    io::{self, IsTerminal, Write},
};

use clap::{CommandFactory, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::{
    judge::exit::Exit,
    run::{Error, progress::colour_is_wanted},
};

/// Proves whether sandboxes are what they claim to be: gVisor, cut off from the network and from the host.
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
    Policy(policy::Arguments),
    Plan(plan::Arguments),
    Doctor(doctor::Arguments),
    Rbac(rbac::Arguments),
    Cleanup(cleanup::Arguments),
    Image(image::Arguments),
    #[command(visible_alias = "explain")]
    Requirements(requirements::Arguments),
    Schema(schema::Arguments),
    Completions(completions::Arguments),
    Man(completions::Pages),
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
        Command::Score(arguments) => arguments.run(),
        Command::Diff(arguments) => arguments.run(),
        Command::Policy(arguments) => arguments.run(),
        Command::Plan(arguments) => arguments.run(),
        Command::Doctor(arguments) => arguments.run(),
        Command::Rbac(arguments) => arguments.run(),
        Command::Cleanup(arguments) => arguments.run(),
        Command::Image(arguments) => arguments.run(),
        Command::Requirements(arguments) => arguments.run(),
        Command::Schema(arguments) => arguments.run(),
        Command::Completions(arguments) => arguments.run(Cli::command()),
        Command::Man(arguments) => arguments.run(Cli::command()),
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

/// Runs what ends with an exit code, and tells its error.
fn block_on(run: impl Future<Output = Result<(Exit, Option<Error>), Error>>) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tell(&error, None);
            return Exit::CouldNotRun;
        }
    };
    match runtime.block_on(run) {
        Ok((exit, None)) => exit,
        Ok((exit, Some(error))) => {
            tell(&error, help(&error));
            exit
        }
        Err(Error::Interrupted) => Exit::Interrupted,
        Err(error) => {
            tell(&error, help(&error));
            exit(&error)
        }
    }
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

/// What lets a run launch its probes.
const LAUNCHING: &str = "`controller rbac --namespace NAME | kubectl apply -f -` gives what is needed; then bind the Role to who runs this";

/// What to do where an ordinary user's sandbox did not start. What a machine's settings mean: namespaces(7); Debian's
/// kernel, `kernel/sysctl.c`; AppArmor, "unprivileged user namespaces".
fn without_root() -> &'static str {
    use crate::run::local::survey::UserNamespaces;
    match crate::run::local::survey::user_namespaces() {
        UserNamespaces::None => {
            "this machine lets nobody make a user namespace, which runsc without root needs (`sysctl user.max_user_namespaces` \
             is 0): have it allowed, or run it again with sudo"
        }
        UserNamespaces::OfRoot => {
            "this machine lets only root make a user namespace, which runsc without root needs (`sysctl \
             kernel.unprivileged_userns_clone` is 0): have it allowed, or run it again with sudo"
        }
        UserNamespaces::OfProfiles => {
            "this machine lets only programs with an AppArmor profile of their own make a user namespace, which runsc without root \
             needs (`sysctl kernel.apparmor_restrict_unprivileged_userns` is 1): have it allowed, or run it again with sudo"
        }
        UserNamespaces::Allowed => {
            "OCI runtimes usually need root, and runsc without it a bundle without network (`--network=none`): run it again \
             with sudo"
        }
    }
}

/// What to do about an error of a run.
fn help(error: &Error) -> Option<&'static str> {
    use crate::{
        plan,
        run::{
            cluster::{self, pods::Refusal},
            local::launch,
        },
    };
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
        Error::NotStarted { .. } if !nix::unistd::geteuid().is_root() => Some(without_root()),
        Error::NotStarted { .. } => {
            Some("run the runtime by hand to see more, or name another with --runtime")
        }
        Error::Name(_) => {
            Some("give an address in place of the name, or a name that this machine can look up")
        }
        Error::Probes(plan::cluster::Error::NoSuchNode(_)) => Some(
            "--nodes takes names as `kubectl get nodes` lists them, separated by commas, or all, or per-pool",
        ),
        Error::Probes(plan::cluster::Error::NothingAlike(_)) => {
            Some("--like takes KIND/NAME, such as deployment/web or pod/web-1")
        }
        Error::Surroundings(cluster::survey::Error::NoSuchNamespace { .. }) => {
            Some("`kubectl get namespaces` lists what there is; --context names another cluster")
        }
        Error::Surroundings(cluster::survey::Error::Reach(_)) | Error::NoAnswer => Some(
            "look whether `kubectl get --raw /readyz` answers; --context and --kubeconfig name the cluster",
        ),
        Error::Blind(_) => Some(LAUNCHING),
        Error::Find { .. } => Some("look whether `kubectl auth can-i list pods` says yes for the namespace"),
        Error::Pods(_) => Some("set KUBECONFIG, or give --kubeconfig FILE and --context NAME"),
        Error::NoneLaunched { reasons } if reasons.iter().any(|it| matches!(it, Refusal::Permission(_))) => {
            Some(LAUNCHING)
        }
        Error::NoneLaunched { .. } => {
            Some("the report says what was found besides; `controller plan` shows the pods that are sent")
        }
        Error::Save(_) => Some("--save-evidence takes a file in a folder that can be written"),
        Error::Deliver(_) => Some(
            "--output takes FORMAT=FILE, a file in a folder that can be written; the exit code is 4 whatever the verdict",
        ),
        Error::Encode(_) | Error::Manifest(_) => Some("run again"),
        Error::Interrupted | Error::Random(_) | Error::Signals(_) | Error::Listen(_) => None,
    }
}

/// What an error of a run makes of the exit code.
fn exit(error: &Error) -> Exit {
    match error {
        Error::Interrupted => Exit::Interrupted,
        Error::Plan(_)
        | Error::Probes(_)
        | Error::Name(_)
        | Error::Launch(crate::run::local::launch::Error::Bundle(_))
        | Error::NoProbe
        | Error::ReadProbe { .. } => Exit::Usage,
        _ => Exit::CouldNotRun,
    }
}
