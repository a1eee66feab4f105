//! The assignment of a pod in a cluster: of a group's probe, or of a control pod.

use std::time::Duration;

use proto::{Assignment, Budget, Observer};

use crate::{
    case::destination::Destination,
    run::{RunError, nonce},
};

/// Time for each observer, and for all attempts together. A first packet may be lost while the network learns of a new pod,
/// and a kernel sends the next one after a second (RFC 6298). Silence counts only after that.
pub(super) const BUDGET: Budget = Budget {
    observer: Duration::from_secs(2),
    egress: Duration::from_millis(1500),
    again: Duration::from_secs(1),
};

/// Makes an assignment with a nonce of its own.
pub(super) fn assignment(
    destinations: &[Destination],
    observers: Vec<Observer>,
    budget: Budget,
) -> Result<Assignment, RunError> {
    Ok(Assignment {
        nonce: nonce()?,
        observers,
        targets: destinations.iter().map(|destination| destination.target.clone()).collect(),
        budget,
    })
}
