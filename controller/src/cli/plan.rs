//! `controller plan`: which probes a run would launch, as manifests, and whether the cluster would admit them.

use clap::Args;

use super::{args::target, block_on, rbac::print};
use crate::{judge::exit::Exit, run::cluster};

/// Shows the probes of a namespace, asks the cluster whether it would admit them, and creates nothing
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller plan --namespace shop --image registry.example/probe:0.1.0\n\nThe manifests are \
    for reading, and for applying by hand: make the ConfigMap first, and put its uid into the pods \
    (OWNER_UID=$(kubectl -n shop get configmap RUN -o jsonpath={.metadata.uid}) envsubst).\n\nExit codes: 0 every probe \
    would be admitted, 2 wrong usage, 3 nothing to probe, 4 refused, or the cluster could not be asked"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: target::Arguments,
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let target = match self.target.target() {
            Ok(Some(target)) => target,
            Ok(None) => return target::Refused::NoNamespace.tell(),
            Err(refused) => return refused.tell(),
        };
        block_on(async {
            let (text, exit) = Box::pin(cluster::rehearse(&target)).await?;
            let printed = print(&text);
            Ok((if printed == Exit::Ready { exit } else { printed }, None))
        })
    }
}
