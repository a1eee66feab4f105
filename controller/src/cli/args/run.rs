//! The arguments of every run, of which `verify` makes one and `watch` makes many.

use std::time::Duration;

use clap::Args;

use super::{
    attempts, network, output,
    policy::{self, Sources},
    publish,
    settings::{Names, Setting},
    sign::Life,
    target,
};
use crate::{
    case::rounds::Rounds,
    cli::{
        console::colour_is_wanted, files::Files, publishing::Publishing, signing::signed_policy, verify::time,
    },
    judge::{
        exit::Exit,
        policy::{Policy, file::Read},
    },
    report::{attestation::verification_v1::SignedFile, deliver::Delivery},
    run::{RunRequest, cluster::Target, progress::Display},
    support::clock,
};

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
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
    pub(in crate::cli) life: Life,
    /// Measure the sandbox's share of processor time; this keeps its processors busy for 3 s
    #[arg(long, conflicts_with = "live", help_heading = "Target")]
    measure_cpu: bool,
    /// Show no progress on standard error
    #[arg(long, short, help_heading = "How to report")]
    quiet: bool,
    /// The time limit of the whole run, such as 30s, 5m or 1m30s; at most 24h. Removing the run's objects may take 20 s
    /// more, and 20 ms for each pod [default: 60s, with --namespace 5m, and
    /// longer for many probes]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "How to report")]
    timeout: Option<Duration>,
}

/// A run that can begin: its request, its judge, and the places of its results.
#[derive(Debug)]
pub(in crate::cli) struct Prepared {
    /// The namespace and its probes; `None` for a run on this machine.
    pub(in crate::cli) target: Option<Target>,
    /// The settings of the run.
    pub(in crate::cli) request: RunRequest,
    /// The policy for the declared environment.
    pub(in crate::cli) policy: Policy,
    /// The policy file; `None` without one.
    pub(in crate::cli) policy_file: Option<SignedFile>,
    /// The places of the report.
    pub(in crate::cli) delivery: Delivery,
    /// The place of the proof; `None` without `--publish`.
    pub(in crate::cli) publishing: Option<Publishing>,
}

impl Arguments {
    /// Reads the policy file and the variables for a run that begins now. `usual` is the timeout that nobody chose, and `files` are
    /// the command's own files. A refusal is told, and ends the command.
    pub(in crate::cli) fn prepare(self, usual: Duration, files: Files) -> Result<Prepared, Exit> {
        let policy_path = self.policy.path();
        let asked = self.policy.sources().and_then(|sources| {
            let declared = sources.declared()?;
            let timeout = chosen_timeout(&sources, self.timeout)?.value;
            let network = self.network.settings(&sources)?;
            let marks = self.target.marks.settings(&sources)?.marks();
            let policy = sources.policy(declared.environment, clock::today());
            Ok((policy, signed_policy(&sources), declared, timeout, network, marks))
        });
        let (policy, policy_file, declared, timeout, network, marks) =
            asked.map_err(|refused| refused.tell())?;
        let (timeout, timeout_grows) = (timeout.unwrap_or(usual), timeout.is_none());
        let delivery = self.output.delivery().map_err(|refused| refused.tell())?;
        let makes_attempts = self.attempts.are_made();
        let rounds = if makes_attempts { network.rounds(timeout) } else { Ok(Rounds::None) };
        let asked = rounds.and_then(|rounds| Ok((network.request()?, rounds)));
        let (network, rounds) = asked.map_err(|refused| refused.tell())?;
        let target = self.target.target(marks).map_err(|refused| refused.tell())?;
        let files = files.reads("the policy file", policy_path.as_deref()).delivers(&delivery);
        let kubeconfigs = target.iter().flat_map(|target| target.login.kubeconfigs());
        let files = kubeconfigs.fold(files, |files, path| files.reads("the kubeconfig", Some(&path)));
        files.check().map_err(|shared| shared.tell())?;
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
        let place = self.publish.place(self.life).map_err(|refused| refused.tell())?;
        let publishing = target.as_ref().zip(place).map(|(target, (keeper, life))| {
            let (login, namespace) = (target.login.clone(), target.namespace.clone());
            Publishing { login, namespace, keeper, life }
        });
        let target = target.map(|it| if makes_attempts { it } else { it.without_control_pods() });
        Ok(Prepared { target, request, policy, policy_file, delivery, publishing })
    }
}

/// Returns the timeout of a run, and the source of the setting.
pub(in crate::cli) fn timeout(
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
