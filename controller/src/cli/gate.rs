//! `controller gate`: prints the objects by which a cluster itself refuses sandboxed pods without a young proof.

mod objects;

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{
    args::cluster::Namespaces,
    console::{print, tell},
    rbac::subject,
    verify::time,
};
use crate::{
    case::environment::Environment, judge::exit::Exit, run::cluster::permission::Subject,
    support::names::PRODUCT,
};

/// The most characters of a RuntimeClass's name.
const MOST_OF_NAME: usize = 253;

/// Prints a gate, for `kubectl apply`: new gVisor pods of a namespace need a proof that is ready and young
#[derive(Args, Debug)]
#[command(
    mut_args(|argument| argument.help_heading(None::<&str>)),
    mut_arg("namespace", |argument| argument.required(true)),
    mut_arg("control_namespace", |argument| argument.hide(true)),
    after_help = "Examples:\n  controller gate --namespace shop --runtime-class gvisor | kubectl apply -f -\n  controller verify \
    --namespace shop --image REF --control-namespace podproof --environment production --publish podproof --as \
    system:serviceaccount:podproof:gate\n  controller gate \
    --namespace shop --runtime-class gvisor --mode warn --max-age 12h\n\nThe gate is a ValidatingAdmissionPolicy of Kubernetes \
    1.30 or later; no program of podproof must run. It decides on new pods alone: running pods and static pods stay. Anybody who may \
    write ConfigMaps in the proof's namespace, or may change the policy, may open the gate.\n\nExit codes: 0 done, 2 wrong usage, \
    4 could not write"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    namespaces: Namespaces,
    /// A RuntimeClass whose pods need the proof; may be repeated
    #[arg(long = "runtime-class", value_name = "NAME", value_parser = class, required = true)]
    classes: Vec<String>,
    /// Also refuse pods of every other RuntimeClass, and pods without one
    #[arg(long)]
    sandboxed_only: bool,
    /// The namespace that keeps the proof
    #[arg(long, value_name = "NAMESPACE", default_value = PRODUCT)]
    proof_namespace: String,
    /// The service account of the runs that publish the proof, whose probe pods pass the gate
    #[arg(long, value_name = "NAMESPACE:NAME", value_parser = subject, default_value = "podproof:gate")]
    service_account: Subject,
    /// The greatest age of a proof, such as 12h
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "24h")]
    max_age: Duration,
    /// The environment that the proof must be for
    #[arg(long, value_name = "ENVIRONMENT", value_enum, default_value_t = Environment::Production)]
    environment: Environment,
    /// The effect on a pod without a proof
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Mode::Deny)]
    mode: Mode,
}

/// The effect of a gate on a pod without a proof.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Mode {
    /// The pod is admitted, and the audit log names it
    Audit,
    /// The pod is admitted with a warning to its creator, and the audit log names it
    Warn,
    /// The pod is refused
    Deny,
}

/// A gate that people of the gated namespace could open.
#[derive(Debug, thiserror::Error)]
enum GateRefused {
    #[error("the proof of namespace {0} would be in {0} itself, where others may write ConfigMaps")]
    Proof(String),
    #[error(
        "the service account of the gate would be in the gated namespace {0}, whose pods may use the account"
    )]
    Account(String),
}

impl GateRefused {
    fn tell(&self) -> Exit {
        let help = match self {
            Self::Proof(_) => "give --proof-namespace a namespace that nobody else may write to",
            Self::Account(_) => {
                "give --service-account an account of a namespace in which nobody else makes pods"
            }
        };
        tell(self, Some(help));
        Exit::Usage
    }
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let namespace = match self.namespaces.required() {
            Ok(namespace) => namespace,
            Err(refused) => return refused.tell(),
        };
        if let Err(refused) = self.demand(namespace) {
            return refused.tell();
        }
        let gate = objects::Gate {
            namespace,
            classes: &self.classes,
            sandboxed_only: self.sandboxed_only,
            keeper: &self.proof_namespace,
            account: &self.service_account,
            max_age: self.max_age,
            environment: self.environment.to_string(),
            actions: match self.mode {
                Mode::Audit => &["Audit"],
                Mode::Warn => &["Warn", "Audit"],
                Mode::Deny => &["Deny"],
            },
        };
        match gate.text() {
            Ok(text) => print(&text),
            Err(error) => {
                tell(&error, Some("run the command again"));
                Exit::CouldNotRun
            }
        }
    }

    /// Refuses a gate whose proof or account is in the gated namespace.
    fn demand(&self, gated: &str) -> Result<(), GateRefused> {
        if self.proof_namespace == gated {
            return Err(GateRefused::Proof(gated.to_owned()));
        }
        if self.service_account.namespace == gated {
            return Err(GateRefused::Account(gated.to_owned()));
        }
        Ok(())
    }
}

/// Reads the name of a RuntimeClass. A gate for a name that no class can have would let every pod in (kubernetes.io, "Object Names
/// and IDs", "DNS Subdomain Names").
fn class(text: &str) -> Result<String, String> {
    let is_inner = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    let is_part = |part: &str| {
        !part.is_empty() && !part.starts_with('-') && !part.ends_with('-') && part.chars().all(is_inner)
    };
    if text.len() <= MOST_OF_NAME && text.split('.').all(is_part) {
        Ok(text.to_owned())
    } else {
        Err("give the name of one RuntimeClass, such as gvisor; repeat the flag for another one".to_owned())
    }
}
