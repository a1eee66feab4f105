//! What a pod is asked for, a group's probe and a control alike.

use std::time::Duration;

use proto::{Assignment, Budget, Observer};

use crate::{
    case::destination::Destination,
    run::{Error, nonce},
};

/// For each observer; and for all attempts together. A first packet may be lost while a new pod is being made known, and a
/// kernel sends the next one after a second (RFC 6298): silence counts after that, and not before.
pub(super) const BUDGET: Budget = Budget {
    observer: Duration::from_secs(2),
    egress: Duration::from_millis(1500),
    again: Duration::from_secs(1),
};

/// With a nonce of its own.
pub(super) fn assignment(
    destinations: &[Destination],
    observers: Vec<Observer>,
    budget: Budget,
) -> Result<Assignment, Error> {
    Ok(Assignment {
        nonce: nonce()?,
        observers,
        targets: destinations.iter().map(|destination| destination.target.clone()).collect(),
        budget,
    })
}
