//! `controller verify`: makes one run on this machine or in a cluster.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{ArgGroup, Args};

use super::{
    args::{
        jitter,
        run::{self, Prepared},
        sign,
    },
    block_on,
    ending::{Ending, NamedProbe},
    files::Files,
    signing::Signing,
};
use crate::{
    judge::exit::Exit,
    run::{
        cluster::{ClusterLauncher, Target},
        local::{LocalLauncher, container},
    },
    support::digest::sha256,
};

/// The default timeout of a run on this machine.
const LOCAL_TIMEOUT: Duration = Duration::from_mins(1);
/// The default timeout of a run in a cluster, which pulls images.
pub(super) const CLUSTER_TIMEOUT: Duration = Duration::from_mins(5);
/// The configuration of a bundle (OCI runtime specification, "Filesystem Bundle").
const CONFIGURATION: &str = "config.json";
/// The longest timeout that a run accepts.
const LONGEST: Duration = Duration::from_hours(24);

/// Verifies a sandbox on this machine or the pods of a namespace, and ends with a verdict
#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("target").args(["local", "namespace"]).required(true),
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
    #[arg(long, help_heading = "Target")]
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
    run: run::Arguments,
    #[command(flatten)]
    sign: sign::Arguments,
    /// Save the evidence in this file, for `controller score` and `controller diff`; compressed if its name
    /// ends in .gz [default: not saved]
    #[arg(long, value_name = "FILE", help_heading = "How to report")]
    save_evidence: Option<PathBuf>,
    #[command(flatten)]
    jitter: jitter::Arguments,
}

/// A command, split into words as a shell splits it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Words(Vec<String>);

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let usual = if self.local { LOCAL_TIMEOUT } else { CLUSTER_TIMEOUT };
        let (life, files) = (self.run.life, self.files());
        if let Some(wait) = self.jitter.wait() {
            // A wrong command line is told before the wait, and waivers are judged by the day of the run.
            if let Err(exit) = self.run.clone().prepare(usual, files.clone()) {
                return exit;
            }
            let waited = block_on(wait);
            if waited != Exit::Ready {
                return waited;
            }
        }
        let prepared = match self.run.prepare(usual, files) {
            Ok(prepared) => prepared,
            Err(exit) => return exit,
        };
        let Prepared { target, request, policy, policy_file, delivery, publishing } = prepared;
        let evidence = self.save_evidence.clone().unwrap_or_default();
        let signing = match self.sign.signer(&evidence, life) {
            Ok(signer) => Signing::of_run(signer, &policy, policy_file.as_ref(), request.started_at),
            Err(refused) => return refused.tell(),
        };
        let keeper = publishing.as_ref().map(|publishing| publishing.keeper.clone());
        let names_probe = self.save_evidence.is_some() || signing.is_some();
        let ending = Ending {
            policy,
            delivery,
            save_evidence: self.save_evidence,
            probe: match &self.probe {
                _ if !names_probe => NamedProbe::Nowhere,
                Some(path) => NamedProbe::File(std::fs::read(path).ok().map(|probe| sha256(&probe))),
                None => NamedProbe::BuiltIn,
            },
            policy_file,
            publishing,
            signing,
        };
        if let Some(target) = target {
            let target = Target { keeper, ..target };
            return block_on(ending.run(&ClusterLauncher { target }, request));
        }
        let runtime = self.runtime.map(|Words(words)| words);
        let root = self.root;
        let container = self.container.map(|id| container::Wanted { id, runtime: runtime.clone(), root });
        let launcher = LocalLauncher { runtime, bundle: self.bundle, container, probe: self.probe };
        block_on(ending.run(&launcher, request))
    }

    /// Returns the files of this command alone.
    fn files(&self) -> Files {
        let evidence = self.save_evidence.as_deref();
        let configuration = self.bundle.as_ref().map(|folder| folder.join(CONFIGURATION));
        let files = Files::default()
            .reads("the probe", self.probe.as_deref())
            .reads("the bundle's configuration", configuration.as_deref())
            .writes("--save-evidence", evidence);
        self.sign.files(evidence.unwrap_or(Path::new("")), files)
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
