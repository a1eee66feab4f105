//! `controller plan`: the pods that a run would create, as manifests with the cluster's answers.

use clap::Args;

use super::{
    args::{attempts, cluster::Patience, network, policy, target},
    block_within,
    console::print,
    doctor::exit,
};
use crate::{judge::exit::Exit, run::cluster};

/// Shows the pods that a run would create, and asks the cluster if it would admit them; creates nothing
#[derive(Args, Debug)]
#[command(
    mut_arg("egress_targets", |argument| argument.conflicts_with("no_network")),
    mut_arg("settle", |argument| argument.conflicts_with("no_network")),
    after_help = "Examples:\n  controller plan --namespace shop --image registry.example/probe:0.1.0\n\nThe manifests can \
    be read, or applied by hand. Write them into plan.yaml, create the first object, which is the ConfigMap RUN, and put its uid \
    into the pods:\n  sed '/^---$/,$d' plan.yaml | kubectl apply -f -\n  OWNER_UID=$(kubectl -n shop get configmap RUN -o \
    jsonpath={.metadata.uid}) envsubst '$OWNER_UID' <plan.yaml | kubectl apply -f -\n\nExit codes: 0 the cluster would \
    admit every pod, 2 wrong usage, 3 nothing to probe, 4 a pod is refused or is beyond `--max-probes`, or the \
    cluster did not answer"
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
    patience: Patience,
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let (network, marks) = match self.policy.foreseen(&self.network, &self.target.marks) {
            Ok(foreseen) => foreseen,
            Err(exit) => return exit,
        };
        let attempts = self.attempts;
        let target = match self.target.target(marks) {
            Ok(Some(target)) => target,
            Ok(None) => return target::TargetRefused::NoNamespace.tell(),
            Err(refused) => return refused.tell(),
        };
        block_within(self.patience, async {
            let rehearsal = Box::pin(cluster::rehearse(&target, &network, attempts.are_made())).await?;
            let printed = print(&rehearsal.text);
            Ok(if printed == Exit::Ready { exit(rehearsal.readiness) } else { printed })
        })
    }
}
