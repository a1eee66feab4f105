//! The arguments that publish a proof in the cluster.

use std::time::Duration;

use clap::Args;

use super::sign::Life;
use crate::{cli::console::tell, judge::exit::Exit};

/// The longest life of a published proof: a gate asks for a young one.
const LONGEST: Duration = Duration::from_hours(24);

/// The place of a published proof.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// Publish the verdict as a proof in this namespace, which `controller gate` prepares; a run that is not ready publishes
    /// that, too [default: not published]
    #[arg(
        long,
        value_name = "NAMESPACE",
        requires = "namespace",
        group = "proof",
        help_heading = "How to report"
    )]
    publish: Option<String>,
}

/// A proof that would live too long.
#[derive(Debug, thiserror::Error)]
#[error("--valid-for is longer than 24h, and --publish was given")]
pub(in crate::cli) struct TooLong;

impl TooLong {
    pub(in crate::cli) fn tell(&self) -> Exit {
        tell(self, Some("a published proof is good for at most 24h: sign the verdict in a run of its own"));
        Exit::Usage
    }
}

impl Arguments {
    /// Returns the namespace that keeps the proof, and the proof's life; `None` without `--publish`.
    pub(in crate::cli) fn place(&self, life: Life) -> Result<Option<(String, Duration)>, TooLong> {
        let Some(keeper) = self.publish.clone() else { return Ok(None) };
        if life.valid_for > LONGEST { Err(TooLong) } else { Ok(Some((keeper, life.valid_for))) }
    }
}
