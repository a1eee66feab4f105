//! The argument that leaves the attempts over the network out.

use clap::Args;

#[derive(Args, Clone, Copy, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// Attempt nothing over the network: no destination, no listener, no control pod. Requirements that need attempts stay
    /// inconclusive
    #[arg(long, help_heading = "Network")]
    no_network: bool,
}

impl Arguments {
    /// Returns true if the run makes attempts.
    pub(in crate::cli) const fn are_made(self) -> bool {
        !self.no_network
    }
}
