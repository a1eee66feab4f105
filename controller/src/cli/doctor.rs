//! `controller doctor`: checks everything that a run needs, before the run.

use clap::Args;

use super::{
    args::{attempts, cluster::Patience, network, policy, publish, target},
    block_within,
    console::print,
};
use crate::{
    judge::exit::Exit,
    run::{
        RunError,
        cluster::{Target, connect, doctor, readiness::Readiness},
    },
};

/// Checks if a namespace can be verified: the cluster, the permissions, the RuntimeClass and the image
#[derive(Args, Debug)]
#[command(
    mut_arg("namespace", |argument| argument.required(true)),
    mut_arg("egress_targets", |argument| argument.conflicts_with("no_network")),
    mut_arg("settle", |argument| argument.conflicts_with("no_network")),
    mut_arg("publish", |argument| {
        argument.help("Also check the place of the proof that `verify --publish` writes in this namespace").help_heading("In a cluster")
    }),
    after_help = "Examples:\n  controller doctor --namespace shop --image registry.example/probe:0.1.0 \
    --control-namespace podproof\n\nGive the flags of the run, but for those about the judgement and the report. A line with ! \
    costs no requirement.\n\nExit codes: 0 a run would work, 2 wrong usage, 3 a run would leave requirements inconclusive, 4 a run would \
    not work"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: target::Arguments,
    #[command(flatten)]
    network: network::Arguments,
    #[command(flatten)]
    attempts: attempts::Arguments,
    #[command(flatten)]
    policy: policy::File,
    #[command(flatten)]
    publish: publish::Arguments,
    #[command(flatten)]
    patience: Patience,
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let (network, marks) = match self.policy.foreseen(&self.network, &self.target.marks) {
            Ok(foreseen) => foreseen,
            Err(exit) => return exit,
        };
        let (target, image) = match self.target.foreseen(marks) {
            Ok(foreseen) => foreseen,
            Err(refused) => return refused.tell(),
        };
        let attempts = self.attempts.are_made();
        let target = if attempts { target } else { target.without_control_pods() };
        let target = Target { keeper: self.publish.keeper(), ..target };
        block_within(self.patience, async {
            let connection = connect::connect(&target.login).await;
            let connection = connection.map_err(RunError::from)?;
            let asked = doctor::Asked { target: &target, image: image.as_ref(), network: &network, attempts };
            let checks = Box::pin(doctor::examine(&connection, &asked)).await;
            let printed = print(&doctor::render(&checks));
            Ok(if printed == Exit::Ready { exit(doctor::readiness(&checks)) } else { printed })
        })
    }
}

/// Returns the exit code for the prospect of a run.
pub(super) const fn exit(readiness: Readiness) -> Exit {
    match readiness {
        Readiness::Ready => Exit::Ready,
        Readiness::Incomplete => Exit::Undetermined,
        Readiness::Unable => Exit::CouldNotRun,
    }
}
