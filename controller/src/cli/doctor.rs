//! `controller doctor`: checks everything that a run needs, before the run.

use clap::Args;

use super::{
    args::{
        attempts,
        cluster::{Cluster, Image, Namespaces, Patience},
        marks, policy,
        target::own_probes,
    },
    block_within,
    console::print,
};
use crate::{
    judge::exit::Exit,
    run::{
        RunError,
        cluster::{connect, doctor, readiness::Readiness},
    },
};

/// Checks if a namespace can be verified: the cluster, the permissions, the RuntimeClass and the image
#[derive(Args, Debug)]
#[command(
    mut_args(|argument| argument.help_heading(None::<&str>)),
    mut_arg("namespace", |argument| argument.required(true)),
    after_help = "Examples:\n  controller doctor --namespace shop --image registry.example/probe:0.1.0 \
    --control-namespace podproof\n\nExit codes: 0 a run would work, 2 wrong usage, 3 a run would leave requirements \
    inconclusive, 4 a run would not work"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    namespaces: Namespaces,
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    image: Image,
    #[command(flatten)]
    marks: marks::Arguments,
    /// Also check the permission and the admission of `verify --live`
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    attempts: attempts::Arguments,
    #[command(flatten)]
    policy: policy::File,
    #[command(flatten)]
    patience: Patience,
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let namespace = match self.namespaces.required() {
            Ok(namespace) => namespace,
            Err(refused) => return refused.tell(),
        };
        let attempts = self.attempts.are_made();
        let control_namespace = self.namespaces.control_namespace.as_deref().filter(|_| attempts);
        let (network, marks) = match self.policy.foreseen(&self.marks) {
            Ok(foreseen) => foreseen,
            Err(exit) => return exit,
        };
        let login = self.cluster.login();
        block_within(self.patience, async {
            let connection = connect::connect(&login).await;
            let connection = connection.map_err(RunError::from)?;
            let image = self.image.named();
            let asked = doctor::Asked {
                namespace,
                control: control_namespace,
                image: image.as_ref(),
                probes: own_probes(),
                marks,
                network,
                live: self.live,
                attempts,
            };
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
