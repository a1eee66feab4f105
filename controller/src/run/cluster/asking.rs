//! The assignment of a pod in a cluster: of a group's probe, or of a control pod.

use std::time::Duration;

use proto::{Assignment, Budget, Observer, Target};

use crate::{
    case::rounds::Rounds,
    run::{RunError, nonce},
};

/// Time for each observer.
const OBSERVER: Duration = Duration::from_secs(2);
/// Time for all attempts of a round together. A first packet may be lost while the network learns of a new pod, and a kernel
/// sends the next one after a second (RFC 6298). Silence counts only after that.
const ROUND: Duration = Duration::from_millis(1500);

/// Returns the time limits of a pod that attempts its targets in these rounds.
pub(super) const fn budget(rounds: Rounds) -> Budget {
    Budget { observer: OBSERVER, egress: ROUND, again: rounds.again() }
}

/// Makes an assignment with a nonce of its own.
pub(super) fn assignment(
    targets: Vec<Target>,
    observers: Vec<Observer>,
    budget: Budget,
) -> Result<Assignment, RunError> {
    Ok(Assignment { nonce: nonce()?, observers, targets, budget })
}
