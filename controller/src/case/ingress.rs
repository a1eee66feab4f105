//! Attempts to reach the sandbox from outside.

use proto::Target;

/// The attempts of a control pod to reach the probe, which listens in the sandbox. The probe attempts the same targets, so
/// that its own success shows that it listens.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ingress {
    /// The probe's own addresses and ports; empty if the probe did not run.
    pub targets: Vec<Target>,
    /// Declared ports for which there was no room.
    pub left_out: Vec<u16>,
}
