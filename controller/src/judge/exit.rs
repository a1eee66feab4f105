//! The exit codes: a contract with pipelines, the same for every format and every verbosity.

use std::process::ExitCode;

use super::verdict::Verdict;
use crate::case::stopped::Stopped;

/// The end of a command; the number is the exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Exit {
    /// The verdict is ready, with or without warnings.
    Ready = 0,
    /// A requirement that blocks was measured and is unmet.
    NotReady = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// A requirement that blocks is inconclusive.
    Undetermined = 3,
    /// The run could not start, or its report could not be written.
    CouldNotRun = 4,
    /// The run took longer than `--timeout`.
    TimedOut = 5,
    /// Ready, but clean-up left something behind.
    Leftovers = 6,
    /// A signal ended the run.
    Interrupted = 130,
}

impl Exit {
    /// Returns the exit code of a judged run; no other place decides one. The order of weight: an interruption, a report
    /// that could not be written, a timeout, the verdict. Leftovers replace success alone.
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
    fn the_heaviest_ending_decides() {
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

    /// The codes of two endings are compared by their text alone.
    #[test]
    fn each_ending_has_its_number_as_exit_code() {
        for exit in [Exit::NotReady, Exit::Usage, Exit::Undetermined, Exit::Interrupted] {
            let code = ExitCode::from(exit);
            assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(exit as u8)), "{exit:?}");
            assert_ne!(format!("{code:?}"), format!("{:?}", ExitCode::SUCCESS), "{exit:?}");
        }
    }
}
