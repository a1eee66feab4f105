//! The arguments that publish a proof in the cluster.

use std::time::Duration;

use clap::Args;

use super::sign::Life;
use crate::{cli::console::tell, judge::exit::Exit};

/// The longest life of a published proof: a gate asks for a young one.
const LONGEST: Duration = Duration::from_hours(24);
/// The shortest life of a published proof, which begins with the run and must outlive it.
pub(in crate::cli) const SHORTEST: Duration = Duration::from_mins(1);

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

/// A life that a published proof cannot have.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum LifeRefused {
    #[error("--valid-for is longer than 24h, and --publish was given")]
    TooLong,
    #[error("--valid-for is shorter than 1m, and --publish was given")]
    TooShort,
}

impl LifeRefused {
    pub(in crate::cli) fn tell(&self) -> Exit {
        let help = match self {
            Self::TooLong => {
                "a published proof is good for at most 24h: sign the verdict in a run of its own"
            }
            Self::TooShort => {
                "a proof's life begins with its run and must outlive it: give --valid-for at least 1m"
            }
        };
        tell(self, Some(help));
        Exit::Usage
    }
}

impl Arguments {
    /// Returns the namespace that keeps the proof; `None` without `--publish`.
    pub(in crate::cli) fn keeper(self) -> Option<String> {
        self.publish
    }

    /// Returns the namespace that keeps the proof, and the proof's life; `None` without `--publish`.
    pub(in crate::cli) fn place(&self, life: Life) -> Result<Option<(String, Duration)>, LifeRefused> {
        let Some(keeper) = self.publish.clone() else { return Ok(None) };
        match life.valid_for {
            life if life > LONGEST => Err(LifeRefused::TooLong),
            life if life < SHORTEST => Err(LifeRefused::TooShort),
            life => Ok(Some((keeper, life))),
        }
    }
}
