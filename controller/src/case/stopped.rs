//! The reason why a run did not end by itself.

/// The reason why a run did not end by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stopped {
    /// The signal INT or TERM.
    Interrupted,
    /// The end of `--timeout`.
    TimedOut,
    /// A cluster that started no probe.
    NotStarted,
}
