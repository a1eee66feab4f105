//! The prospect of a run that is not made yet, as `controller doctor` and `controller plan` tell it.

/// The prospect of a run that is not made yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Readiness {
    /// A run would launch every probe, and could decide every requirement.
    Ready,
    /// A run would leave requirements inconclusive, or has nothing to probe.
    Incomplete,
    /// A run would fail, or miss a probe.
    Unable,
}
