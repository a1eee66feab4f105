//! The drivers: they survey, launch, collect and clean up, on this machine or in a cluster. They never judge.

pub mod cluster;
pub mod collect;
mod error;
mod interrupt;
pub mod local;
pub(crate) mod lookup;
pub(crate) mod progress;

use proto::Nonce;

pub(crate) use error::Error;

use crate::case::leftover::Leftover;

fn nonce() -> Result<Nonce, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(Nonce(bytes))
}

/// Where there is no report to name them in.
fn warn_of(leftovers: &[Leftover]) {
    for Leftover { what, remedy } in leftovers {
        tracing::warn!("left behind: {what}; remove it with `{remedy}`");
    }
}
