//! `controller doctor`: whether a run would work, before it is tried.

use clap::Args;

use super::{args::place::Place, block_on, rbac::print};
use crate::{
    image,
    judge::exit::Exit,
    run::cluster::{connect, doctor},
};

/// Looks whether a namespace can be verified: the cluster, the permissions, the RuntimeClass, the image
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller doctor --namespace shop --image registry.example/probe:0.1.0 \
    --control-namespace podproof\n\nExit codes: 0 a run would work, 2 wrong usage, 3 it would leave something inconclusive, \
    4 it would not work"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The probe's image, as the nodes pull it
    #[arg(long, value_name = "REF")]
    image: Option<String>,
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        block_on(async {
            let Place { namespace, control_namespace, kubeconfig, context } = &self.place;
            let connection = connect::connect(kubeconfig.as_deref(), context.as_deref()).await?;
            let image = self.image.as_deref().or_else(|| image::default_reference());
            let checks = doctor::examine(&connection, namespace, control_namespace.as_deref(), image).await;
            let printed = print(&doctor::render(&checks));
            Ok((if printed == Exit::Ready { doctor::exit(&checks) } else { printed }, None))
        })
    }
}
