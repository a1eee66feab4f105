//! `controller gate`: prints the objects by which a cluster itself refuses sandboxed pods without a young proof.

mod objects;

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{
    args::{cluster::Namespaces, object_name, publish::SHORTEST, sign::LIFE},
    console::{print, say, tell},
    rbac::subject,
    verify::time,
};
use crate::{
    case::environment::Environment, judge::exit::Exit, run::cluster::permission::Subject,
    support::names::PRODUCT,
};

/// Prints a gate, for `kubectl apply`: new gVisor pods of a namespace need a proof that is ready and young
#[derive(Args, Debug)]
#[command(
    mut_args(|argument| argument.help_heading(None::<&str>)),
    mut_arg("namespace", |argument| argument.required(true)),
    mut_arg("control_namespace", |argument| argument.hide(true)),
    after_help = "Examples:\n  controller gate --namespace shop --runtime-class gvisor | kubectl apply -f -\n  controller verify \
    --namespace shop --image REF --control-namespace podproof --environment production --publish podproof --as \
    system:serviceaccount:podproof:gate\n  controller gate \
    --namespace shop --runtime-class gvisor --mode warn --max-age 12h\n\nBelow a --max-age of 24h, give `controller verify` and \
    `controller watch` --valid-for with the same time: a proof is renewed past the half of its life, by default after 12 to 14 hours. \
    The gate is a ValidatingAdmissionPolicy of Kubernetes \
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
    /// The greatest age of a proof, from 1m to 24h; below 24h, the runs need --valid-for with the same time
    #[arg(long, value_name = "TIME", value_parser = age, default_value = LIFE)]
    max_age: Duration,
    /// The weakest environment that the proof may be for
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
            environment: self.environment,
            actions: match self.mode {
                Mode::Audit => &["Audit"],
                Mode::Warn => &["Warn", "Audit"],
                Mode::Deny => &["Deny"],
            },
        };
        match gate.text() {
            Ok(text) => {
                if let Some(life) = gate.life() {
                    say(&format!(
                        "the runs must renew the proof before it is {life} old: give `controller verify` and `controller watch` \
                         --valid-for {life}, and let a CronJob run more often than every half of that time"
                    ));
                }
                print(&text)
            }
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

/// Reads the greatest age of a proof. No proof has a shorter life than the least of them.
fn age(text: &str) -> Result<Duration, String> {
    match time(text) {
        Ok(age) if age >= SHORTEST => Ok(age),
        _ => Err("give a time such as 12h or 1h30m, from 1m to 24h".to_owned()),
    }
}

/// Reads the name of a RuntimeClass. A gate for a name that no class can have would let every pod in.
fn class(text: &str) -> Result<String, String> {
    object_name::read(text, "RuntimeClass", "gvisor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_takes_the_ages_that_a_proof_can_have() {
        assert_eq!([age("1m"), age("24h")], [Ok(SHORTEST), Ok(Duration::from_hours(24))]);
        for wrong in ["59s", "0s", "25h", "soon"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
