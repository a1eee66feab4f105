//! The exit codes: a contract with pipelines, the same for every format and verbosity.

use std::process::ExitCode;

use super::verdict::Verdict;

/// How a run ended; the number is the exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Exit {
    /// Ready, with or without warnings.
    Ready = 0,
    /// Something that must be met was measured and is not.
    NotReady = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// Something that must be met could not be decided.
    Undetermined = 3,
    /// The run could not be made.
    CouldNotRun = 4,
    /// The run did not end in time.
    TimedOut = 5,
    /// Ready, but something was left behind.
    Leftovers = 6,
    /// Somebody ended the run.
    Interrupted = 130,
}

/// What kept a run from its regular end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stopped {
    /// INT or TERM.
    Interrupted,
    /// `--timeout` was over.
    TimedOut,
    /// No probe could be started at all.
    NotStarted,
}

impl Exit {
    /// The one place where a judged run becomes an exit code. An interruption outweighs a report that could not be
    /// written, that a timeout, and that the verdict; leftovers replace nothing but success.
    pub fn of(stopped: Option<Stopped>, written: bool, verdict: Verdict, leftovers: bool) -> Self {
        match (stopped, written, verdict) {
            (Some(Stopped::Interrupted), _, _) => Self::Interrupted,
            (_, false, _) | (Some(Stopped::NotStarted), _, _) => Self::CouldNotRun,
            (Some(Stopped::TimedOut), _, _) => Self::TimedOut,
            (None, true, Verdict::NotReady) => Self::NotReady,
            (None, true, Verdict::Undetermined) => Self::Undetermined,
            (None, true, Verdict::Ready | Verdict::ReadyWithWarnings) if leftovers => Self::Leftovers,
            (None, true, Verdict::Ready | Verdict::ReadyWithWarnings) => Self::Ready,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weightiest_ending_decides() {
        use Verdict::{NotReady, Ready, ReadyWithWarnings, Undetermined};
        let timed_out = Some(Stopped::TimedOut);
        let interrupted = Some(Stopped::Interrupted);
        for (stopped, written, verdict, leftovers, code) in [
            (None, true, Ready, false, 0),
            (None, true, ReadyWithWarnings, false, 0),
            (None, true, NotReady, false, 1),
            (None, true, NotReady, true, 1),
            (None, true, Undetermined, true, 3),
            (None, false, Ready, false, 4),
            (None, false, NotReady, true, 4),
            (timed_out, true, NotReady, false, 5),
            (timed_out, true, Ready, true, 5),
            (timed_out, false, Ready, false, 4),
            (None, true, Ready, true, 6),
            (None, true, ReadyWithWarnings, true, 6),
            (Some(Stopped::NotStarted), true, NotReady, false, 4),
            (interrupted, false, NotReady, true, 130),
        ] {
            let exit = Exit::of(stopped, written, verdict, leftovers);
            assert_eq!(exit as u8, code, "{stopped:?} {written} {verdict:?} {leftovers}");
        }
    }
}
