//! `controller verify`: its arguments, and how its report is written.

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};

use super::{network, target, tell};
use crate::{
    environment::{self, Environment},
    exit::Exit,
    finding::Judged,
    policy::Policy,
    progress::colour_is_wanted,
    report::{Report, json, text},
    verify::{self, Error, Request, namespace},
};

/// How long a run may take on this machine, and in a cluster, where images are pulled.
const TIMEOUT: Duration = Duration::from_mins(1);
const NAMESPACES_TIMEOUT: Duration = Duration::from_mins(5);
/// The version of a file of saved evidence.
const SAVED_VERSION: u32 = 1;
/// The width where there is no terminal to ask.
const WIDTH: u16 = 100;
/// The longest time that a run can be given.
const LONGEST: Duration = Duration::from_hours(24);
/// Narrower than this, a table is no table.
const NARROWEST: u16 = 60;

/// Verifies a sandbox and ends with a verdict.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller verify --local\n  controller verify --local --environment production \
    --output json\n  controller verify --local --runtime 'runsc --platform=ptrace'\n  controller verify --namespace shop \
    --image registry.example/probe:0.1.0 --control-namespace podproof\n\nExit codes: 0 ready, 1 not \
    ready, 2 wrong usage, 3 undetermined, 4 could not run, 5 timed out, 6 ready but something was left behind, 130 \
    interrupted"
)]
pub(super) struct Arguments {
    /// Verify a sandbox on this machine
    #[arg(
        long,
        required_unless_present = "namespace",
        conflicts_with = "namespace",
        help_heading = "What to verify"
    )]
    local: bool,
    /// The OCI runtime that makes the sandbox, with its own arguments if need be [default: runsc on PATH]
    #[arg(long, value_name = "COMMAND", value_parser = runtime, requires = "local", help_heading = "On this machine")]
    runtime: Option<Words>,
    /// An OCI bundle of yours, whose program the probe takes the place of
    #[arg(long, value_name = "DIR", requires = "local", help_heading = "On this machine")]
    bundle: Option<PathBuf>,
    /// A static probe other than the one built in
    #[arg(long, value_name = "PATH", requires = "local", help_heading = "On this machine")]
    probe: Option<PathBuf>,
    #[command(flatten)]
    target: target::Arguments,
    #[command(flatten)]
    network: network::Arguments,
    /// Where the workloads are meant to run [default: what ENVIRONMENT, `REQUIRE_GVISOR` and `K8S_CLUSTER_TYPE` say]
    #[arg(long, value_enum, help_heading = "How to judge")]
    environment: Option<Environment>,
    /// Judge only what production requires, and enforce it whatever the environment
    #[arg(long, value_enum, value_name = "WHICH", help_heading = "How to judge")]
    only: Option<Only>,
    /// How the report is written to standard output
    #[arg(long, value_enum, default_value = "text", help_heading = "How to report")]
    output: Format,
    /// Show the evidence of what is met, too
    #[arg(long, short, help_heading = "How to report")]
    verbose: bool,
    /// Show no progress
    #[arg(long, short, help_heading = "How to report")]
    quiet: bool,
    /// Keep the evidence and what the cluster declares in this file, one case for each probe
    #[arg(long, value_name = "FILE", requires = "namespace", help_heading = "How to report")]
    save_evidence: Option<PathBuf>,
    /// How long the whole run may take [default: 60s, of a namespace 5m]; removing what it made may take 20s more
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "How to report")]
    timeout: Option<Duration>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Only {
    Production,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// A command as a shell would split it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Words(Vec<String>);

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let declared = match environment::declared(self.environment, variable) {
            Ok(declared) => declared,
            Err(error) => {
                tell(&error, Some("correct the variable, or unset it"));
                return Exit::Usage;
            }
        };
        let named = self.environment.is_some() || !declared.source.starts_with("the default");
        let policy = Policy { environment: declared.environment, only_production: self.only.is_some() };
        let (format, verbose) = (self.output, self.verbose);
        let saved = self.save_evidence;
        let network = match self.network.request() {
            Ok(network) => network,
            Err(refused) => return refused.tell(),
        };
        if let Some(target) = match self.target.target() {
            Ok(target) => target,
            Err(refused) => return refused.tell(),
        } {
            let request = namespace::Request {
                target,
                network,
                timeout: self.timeout.unwrap_or(NAMESPACES_TIMEOUT),
                quiet: self.quiet,
                declared,
                environment_named: named,
                policy,
            };
            return super::block_on(namespace::verify(request, |report, judged| {
                save(saved.as_deref(), judged)?;
                write(report, format, verbose)
            }));
        }
        let request = Request {
            runtime: self.runtime.map(|Words(words)| words),
            bundle: self.bundle,
            probe: self.probe,
            network,
            timeout: self.timeout.unwrap_or(TIMEOUT),
            quiet: self.quiet,
            declared,
            policy,
        };
        super::block_on(verify::local(request, |report| write(report, format, verbose)))
    }
}

/// Every case as it was judged, in one document; a file that is there already is replaced whole or not at all.
fn save(file: Option<&Path>, judged: &[Judged]) -> Result<(), Error> {
    let Some(file) = file else { return Ok(()) };
    let cases: Vec<_> = judged.iter().map(|judged| &judged.case).collect();
    let document = serde_json::json!({
        "version": SAVED_VERSION,
        "controller": env!("CARGO_PKG_VERSION"),
        "saved_at": namespace::now(),
        "cases": cases,
    });
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut written| {
        serde_json::to_writer_pretty(&mut written, &document)?;
        written.write_all(b"\n")?;
        written.as_file().sync_all()?;
        written.persist(file).map_err(|error| error.error)
    });
    written.map(drop).map_err(|source| Error::Save { file: file.to_owned(), source })
}

fn write(report: &Report, format: Format, verbose: bool) -> Result<(), Error> {
    let out = io::stdout();
    let rendered = match format {
        Format::Json => json::render(report)?,
        Format::Text => {
            let colour = out.is_terminal() && colour_is_wanted();
            text::render(report, text::Style { width: width(), colour, verbose })
        }
    };
    let mut out = out.lock();
    out.write_all(rendered.as_bytes()).and_then(|()| out.flush()).map_err(Error::Write)
}

/// The terminal's, else COLUMNS, else a fixed one.
fn width() -> u16 {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = comfy_table::Table::new().width().filter(|&width| width > 0);
    terminal.or(columns).unwrap_or(WIDTH).max(NARROWEST)
}

/// A value that is not UTF-8 is no value that is accepted; what is left of it will not be either.
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// An existing file is taken as it is, spaces and all.
fn runtime(command: &str) -> Result<Words, String> {
    if Path::new(command).is_file() {
        return Ok(Words(vec![command.to_owned()]));
    }
    match shlex::split(command) {
        Some(words) if !words.is_empty() => Ok(Words(words)),
        _ => Err("give the path of an OCI runtime, such as /usr/bin/runsc, with its arguments".to_owned()),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() && time <= LONGEST => Ok(time),
        _ => Err("give a time such as 30s, 5m or 1m30s, up to a day".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_split_as_a_shell_would_and_a_file_is_not() {
        let words = |words: &[&str]| Ok(Words(words.iter().map(|&word| word.to_owned()).collect()));
        assert_eq!(runtime("runsc --platform=ptrace"), words(&["runsc", "--platform=ptrace"]));
        let file = tempfile::Builder::new().prefix("with space").tempfile().unwrap();
        let path = file.path().to_str().unwrap();
        assert_eq!(runtime(path), words(&[path]));
        assert!(runtime("").is_err() && runtime("'unclosed").is_err());
    }

    #[test]
    fn times_that_make_no_sense_are_refused_with_an_example() {
        assert_eq!(time("1m30s"), Ok(Duration::from_secs(90)));
        for wrong in ["", "0s", "soon", "10", "2days", "600000000000years"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
