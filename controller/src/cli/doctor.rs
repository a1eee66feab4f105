//! `controller doctor`: the checks of everything that a run needs, before a run is made.

use clap::Args;

use super::{args::place::Place, block_on, console::print};
use crate::{
    image,
    judge::exit::Exit,
    run::{
        RunError,
        cluster::{connect, doctor, readiness::Readiness},
    },
};

/// Checks if a namespace can be verified: the cluster, the permissions, the RuntimeClass and the image
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller doctor --namespace shop --image registry.example/probe:0.1.0 \
    --control-namespace podproof\n\nExit codes: 0 a run would work, 2 wrong usage, 3 a run would leave requirements \
    inconclusive, 4 a run would not work"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The reference of the probe's image, as the nodes pull it
    #[arg(long, value_name = "REF")]
    image: Option<String>,
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        block_on(async {
            let Place { namespace, control_namespace, kubeconfig, context } = &self.place;
            let connection = connect::connect(kubeconfig.as_deref(), context.as_deref()).await;
            let connection = connection.map_err(RunError::from)?;
            let image = self.image.as_deref().or_else(|| image::default_reference());
            let checks = doctor::examine(&connection, namespace, control_namespace.as_deref(), image).await;
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
