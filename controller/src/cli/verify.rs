//! `controller verify`: makes one run on this machine or in a cluster.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{ArgGroup, Args};

use super::{
    args::{
        attempts, network, output,
        policy::{self, Sources},
        publish,
        settings::{Names, Setting},
        sign, target,
    },
    block_on,
    console::colour_is_wanted,
    ending::Ending,
    publishing::Publishing,
    signing::{Signing, signed_policy},
};
use crate::{
    case::rounds::Rounds,
    image::embedded,
    judge::{exit::Exit, policy::file::Read},
    report::attestation::verification_v1::NamedBy,
    run::{
        RunRequest,
        cluster::ClusterLauncher,
        local::{LocalLauncher, container},
        progress::Display,
    },
    support::{clock, digest::sha256},
};

/// The default timeout of a run on this machine.
const LOCAL_TIMEOUT: Duration = Duration::from_mins(1);
/// The default timeout of a run in a cluster, which pulls images.
pub(super) const CLUSTER_TIMEOUT: Duration = Duration::from_mins(5);
/// The longest timeout that a run accepts.
const LONGEST: Duration = Duration::from_hours(24);

/// Verifies a sandbox on this machine or the pods of a namespace, and ends with a verdict
#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("proof").multiple(true),
    mut_arg("sign", |argument| argument.requires("save_evidence")),
    mut_arg("egress_targets", |argument| argument.conflicts_with("no_network")),
    mut_arg("settle", |argument| argument.conflicts_with("no_network")),
    after_help = "Examples:\n  controller verify --local\n  controller verify --local --environment production \
    --output junit=report.xml\n  controller verify --local --runtime 'runsc --platform=ptrace'\n  controller verify --local --container web\n  controller verify --namespace shop \
    --image registry.example/probe:0.1.0 --control-namespace podproof\n\nExit codes: 0 ready, 1 not \
    ready, 2 wrong usage, 3 undetermined, 4 could not run, 5 timed out, 6 ready, but objects of the run are left, \
    130 interrupted"
)]
pub(super) struct Arguments {
    /// Create a sandbox on this machine for this check, and verify it
    #[arg(
        long,
        required_unless_present = "namespace",
        conflicts_with = "namespace",
        help_heading = "Target"
    )]
    local: bool,
    /// The OCI runtime that creates the sandbox, with the runtime's own arguments [default: runsc on PATH; with --container also
    /// runc]
    #[arg(long, value_name = "COMMAND", value_parser = runtime, requires = "local", help_heading = "On this machine")]
    runtime: Option<Words>,
    /// Your own OCI bundle, in which the probe runs in place of the program [default: a bundle made for the run]
    #[arg(long, value_name = "DIR", requires = "local", help_heading = "On this machine")]
    bundle: Option<PathBuf>,
    /// A container that runs on this machine already, to verify it in place
    #[arg(
        long,
        value_name = "ID",
        requires = "local",
        conflicts_with_all = ["bundle", "measure_cpu"],
        help_heading = "On this machine"
    )]
    container: Option<String>,
    /// The folder in which the container's runtime keeps its state [default: the folders that engines use]
    #[arg(long, value_name = "DIR", requires = "container", help_heading = "On this machine")]
    root: Option<PathBuf>,
    /// The path of a static probe [default: the built-in probe]
    #[arg(long, value_name = "PATH", requires = "local", help_heading = "On this machine")]
    probe: Option<PathBuf>,
    #[command(flatten)]
    target: target::Arguments,
    #[command(flatten)]
    network: network::Arguments,
    #[command(flatten)]
    attempts: attempts::Arguments,
    #[command(flatten)]
    policy: policy::Arguments,
    #[command(flatten)]
    output: output::Arguments,
    #[command(flatten)]
    publish: publish::Arguments,
    #[command(flatten)]
    sign: sign::Arguments,
    #[command(flatten)]
    life: sign::Life,
    /// Measure the sandbox's share of processor time; this keeps its processors busy for 3 s
    #[arg(long, conflicts_with = "live", help_heading = "Target")]
    measure_cpu: bool,
    /// Show no progress on standard error
    #[arg(long, short, help_heading = "How to report")]
    quiet: bool,
    /// Save the evidence in this file, for `controller score` and `controller diff`; compressed if its name
    /// ends in .gz [default: not saved]
    #[arg(long, value_name = "FILE", help_heading = "How to report")]
    save_evidence: Option<PathBuf>,
    /// The time limit of the whole run, such as 30s, 5m or 1m30s; at most 24h. Removing the run's objects may take 20 s
    /// more, and 20 ms for each pod [default: 60s, with --namespace 5m, and
    /// longer for many probes]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "How to report")]
    timeout: Option<Duration>,
}

/// A command, split into words as a shell splits it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Words(Vec<String>);

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let usual = if self.local { LOCAL_TIMEOUT } else { CLUSTER_TIMEOUT };
        let asked = self.policy.sources().and_then(|sources| {
            let declared = sources.declared()?;
            let timeout = chosen_timeout(&sources, self.timeout)?.value;
            let network = self.network.settings(&sources)?;
            let marks = self.target.marks.settings(&sources)?.marks();
            let policy = sources.policy(declared.environment, clock::today());
            Ok((policy, signed_policy(&sources), declared, timeout, network, marks))
        });
        let (policy, policy_file, declared, timeout, network, marks) = match asked {
            Ok(asked) => asked,
            Err(refused) => return refused.tell(),
        };
        let (timeout, timeout_grows) = (timeout.unwrap_or(usual), timeout.is_none());
        let delivery = match self.output.delivery() {
            Ok(delivery) => delivery,
            Err(refused) => return refused.tell(),
        };
        let rounds = if self.attempts.are_made() { network.rounds(timeout) } else { Ok(Rounds::None) };
        let asked = rounds.and_then(|rounds| Ok((network.request()?, rounds)));
        let (network, rounds) = match asked {
            Ok(asked) => asked,
            Err(refused) => return refused.tell(),
        };
        let target = match self.target.target(marks) {
            Ok(target) => target,
            Err(refused) => return refused.tell(),
        };
        let request = RunRequest {
            network,
            rounds,
            measures_cpu: self.measure_cpu,
            timeout,
            timeout_grows,
            display: display(self.quiet),
            declared,
            only_production: policy.only_production,
            started_at: clock::now(),
        };
        let place = match self.publish.place(self.life) {
            Ok(place) => place,
            Err(refused) => return refused.tell(),
        };
        let publishing = target.as_ref().zip(place).map(|(target, (keeper, life))| {
            let (login, namespace) = (target.login.clone(), target.namespace.clone());
            Publishing { login, namespace, keeper, life }
        });
        let evidence = self.save_evidence.clone().unwrap_or_default();
        let signing = match self.sign.signer(&evidence, self.life) {
            Ok(signer) => signer.map(|signer| Signing {
                signer,
                policy: policy_file,
                named_by: NamedBy::Run,
                require_whole: policy.require_whole,
                judged_at: request.started_at,
            }),
            Err(refused) => return refused.tell(),
        };
        let ending = Ending {
            policy,
            delivery,
            save_evidence: self.save_evidence,
            probe: match &self.probe {
                Some(path) => std::fs::read(path).ok().map(|probe| sha256(&probe)),
                None => embedded::probe().map(sha256),
            },
            publishing,
            signing,
        };
        if let Some(target) = target {
            let target = if self.attempts.are_made() { target } else { target.without_control_pods() };
            return block_on(ending.run(&ClusterLauncher { target }, request));
        }
        let runtime = self.runtime.map(|Words(words)| words);
        let root = self.root;
        let container = self.container.map(|id| container::Wanted { id, runtime: runtime.clone(), root });
        let launcher = LocalLauncher { runtime, bundle: self.bundle, container, probe: self.probe };
        block_on(ending.run(&launcher, request))
    }
}

/// Returns the timeout of a run, and the source of the setting.
pub(super) fn timeout(
    sources: &Sources,
    given: Option<Duration>,
    usual: Duration,
) -> Result<Setting<Duration>, policy::PolicyRefused> {
    let Setting { value, source } = chosen_timeout(sources, given)?;
    Ok(Setting { value: value.unwrap_or(usual), source })
}

/// Returns the timeout that somebody chose for a run; `None` if nobody did.
fn chosen_timeout(
    sources: &Sources,
    given: Option<Duration>,
) -> Result<Setting<Option<Duration>>, policy::PolicyRefused> {
    let names = Names { flag: "--timeout", variable: "PODPROOF_TIMEOUT" };
    let chosen = |text: &str| time(text).map(Some);
    let file = |read: &Read| Some(read.parsed(read.file.limits.timeout.as_ref()?, chosen));
    sources.setting(names, given.map(Some), chosen, file, None)
}

fn display(quiet: bool) -> Display {
    match (quiet, colour_is_wanted()) {
        (true, _) => Display::Quiet,
        (false, true) => Display::Coloured,
        (false, false) => Display::Plain,
    }
}

/// Splits a command into words. The path of an existing file is one word, even if it has spaces.
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
        _ => Err("give a time such as 30s, 5m or 1m30s, at most 24h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_split_like_a_shell_command_unless_it_is_a_file() {
        let words = |words: &[&str]| Ok(Words(words.iter().map(|&word| word.to_owned()).collect()));
        assert_eq!(runtime("runsc --platform=ptrace"), words(&["runsc", "--platform=ptrace"]));
        let file = tempfile::Builder::new().prefix("with space").tempfile().unwrap();
        let path = file.path().to_str().unwrap();
        assert_eq!(runtime(path), words(&[path]));
        assert!(runtime("").is_err() && runtime("'unclosed").is_err());
    }

    #[test]
    fn meaningless_times_are_refused() {
        assert_eq!(time("1m30s"), Ok(Duration::from_secs(90)));
        for wrong in ["", "0s", "soon", "10", "2days", "600000000000years"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
