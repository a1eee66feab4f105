//! The arguments that publish a proof in the cluster.

use std::time::Duration;

use clap::Args;

use crate::cli::verify::time;

/// The place and the life of a published proof.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// Publish the verdict as a proof in this namespace, which `controller gate` prepares; a run that is not ready publishes
    /// that, too [default: not published]
    #[arg(long, value_name = "NAMESPACE", requires = "namespace", help_heading = "How to report")]
    publish: Option<String>,
    /// The time that the proof is good for, from the start of the run, such as 12h
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "24h", requires = "publish", help_heading = "How to report")]
    valid_for: Duration,
}

impl Arguments {
    /// Returns the namespace that keeps the proof, and the proof's life; `None` without `--publish`.
    pub(in crate::cli) fn place(&self) -> Option<(String, Duration)> {
        self.publish.clone().map(|keeper| (keeper, self.valid_for))
    }
}
