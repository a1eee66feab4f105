//! `controller verify`: its arguments, and how its report is written.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::args::{
    network, output,
    policy::{self, Sources},
    settings::{Names, Setting},
    target,
};
use crate::{
    evidence::{
        record::Record,
        saved::{self, Provenance},
    },
    image::embedded,
    judge::{exit::Exit, policy::file::Read},
    report::{Report, deliver::Delivery},
    run::{
        Error, cluster,
        local::{self, Request},
    },
    support::{clock, digest::sha256, file},
};

/// How long a run may take on this machine, and in a cluster, where images are pulled.
const TIMEOUT: Duration = Duration::from_mins(1);
pub(super) const NAMESPACES_TIMEOUT: Duration = Duration::from_mins(5);
/// The longest time that a run can be given.
const LONGEST: Duration = Duration::from_hours(24);

/// Verifies a sandbox and ends with a verdict.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller verify --local\n  controller verify --local --environment production \
    --output junit=report.xml\n  controller verify --local --runtime 'runsc --platform=ptrace'\n  controller verify --namespace shop \
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
    #[command(flatten)]
    policy: policy::Arguments,
    #[command(flatten)]
    output: output::Arguments,
    /// Measure the processor time that a sandbox gets: its processors are busy for 3s
    #[arg(long, help_heading = "What to verify")]
    measure_cpu: bool,
    /// Show no progress
    #[arg(long, short, help_heading = "How to report")]
    quiet: bool,
    /// Keep the evidence and what is known from outside in this file, for `controller score` and `controller diff`
    #[arg(long, value_name = "FILE", help_heading = "How to report")]
    save_evidence: Option<PathBuf>,
    /// How long the whole run may take [default: 60s, of a namespace 5m]; removing what it made may take 20s more
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "How to report")]
    timeout: Option<Duration>,
}

/// A command as a shell would split it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Words(Vec<String>);

/// What is done with a run that was judged.
#[derive(Debug)]
struct Ending {
    delivery: Delivery,
    save_evidence: Option<PathBuf>,
    /// SHA-256 of the probe.
    probe: Option<String>,
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let usual = if self.local { TIMEOUT } else { NAMESPACES_TIMEOUT };
        let asked = self.policy.sources().and_then(|sources| {
            let declared = sources.declared()?;
            let timeout = timeout(&sources, self.timeout, usual)?.value;
            let network = self.network.settings(&sources)?;
            Ok((sources.policy(declared.environment, clock::today()), declared, timeout, network))
        });
        let (policy, declared, timeout, network) = match asked {
            Ok(asked) => asked,
            Err(refused) => return refused.tell(),
        };
        let delivery = match self.output.delivery() {
            Ok(delivery) => delivery,
            Err(refused) => return refused.tell(),
        };
        let ending = Ending {
            delivery,
            save_evidence: self.save_evidence,
            probe: match &self.probe {
                Some(path) => std::fs::read(path).ok().map(|probe| sha256(&probe)),
                None => embedded::probe().map(sha256),
            },
        };
        let network = match network.request() {
            Ok(network) => network,
            Err(refused) => return refused.tell(),
        };
        if let Some(target) = match self.target.target() {
            Ok(target) => target,
            Err(refused) => return refused.tell(),
        } {
            let request = cluster::Request {
                target,
                network,
                measures_cpu: self.measure_cpu,
                timeout,
                quiet: self.quiet,
                declared,
                policy,
            };
            return super::block_on(cluster::verify(request, |report, record| ending.end(report, record)));
        }
        let request = Request {
            runtime: self.runtime.map(|Words(words)| words),
            bundle: self.bundle,
            probe: self.probe,
            network,
            measures_cpu: self.measure_cpu,
            timeout,
            quiet: self.quiet,
            declared,
            policy,
        };
        super::block_on(local::local(request, |report, record| ending.end(report, record)))
    }
}

/// How long a run may take, and what said so.
pub(super) fn timeout(
    sources: &Sources,
    given: Option<Duration>,
    usual: Duration,
) -> Result<Setting<Duration>, policy::Refused> {
    let names = Names { flag: "--timeout", variable: "PODPROOF_TIMEOUT" };
    let file = |read: &Read| Some(read.parsed(read.file.limits.timeout.as_ref()?, time));
    sources.setting(names, given, time, file, usual)
}

impl Ending {
    /// Evidence that cannot be saved keeps nobody from the report.
    fn end(&self, report: &Report, record: &Record) -> Result<(), Error> {
        let saved = self.save(record);
        let delivered = self.delivery.deliver(report);
        saved.and(delivered.map_err(Error::from))
    }

    fn save(&self, record: &Record) -> Result<(), Error> {
        let Some(path) = &self.save_evidence else { return Ok(()) };
        let provenance = Provenance {
            controller: env!("CARGO_PKG_VERSION").to_owned(),
            probe: self.probe.clone(),
            saved_at: clock::now(),
        };
        Ok(file::put(path, &saved::encode(record, &provenance)?)?)
    }
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

pub(super) fn time(text: &str) -> Result<Duration, String> {
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
