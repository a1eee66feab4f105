//! The results of all groups of a run, and the end of the run that follows from them.

use super::probing::Probed;
use crate::{
    case::{cluster::SecondReading, leftover::Leftover, stopped::Stopped},
    run::RunError,
};

/// The results of all groups.
pub(super) struct Results {
    /// One result for each group, in the order of the plan.
    pub(super) probed: Vec<Probed>,
    /// The second reading, after the probes were asked; `None` if no probe was launched, and after an interruption.
    pub(super) second_reading: Option<SecondReading>,
    /// The running pods that got a probe's container.
    pub(super) visited: Vec<String>,
    /// Objects that could not be removed.
    pub(super) leftovers: Vec<Leftover>,
    /// True if a signal came before everything was removed.
    pub(super) interrupted: bool,
}

impl Results {
    /// Returns the results of a run that put no probe anywhere.
    pub(super) const fn unlaunched(probed: Vec<Probed>) -> Self {
        Self { probed, second_reading: None, visited: Vec::new(), leftovers: Vec::new(), interrupted: false }
    }

    /// Returns the reason for an early end, and the error if no probe of a plan started.
    pub(super) fn end(&self) -> (Option<Stopped>, Option<RunError>) {
        if self.interrupted {
            return (Some(Stopped::Interrupted), None);
        }
        if self.probed.iter().any(|probed| probed.timed_out) {
            return (Some(Stopped::TimedOut), None);
        }
        let reasons: Vec<_> = self.probed.iter().filter_map(|probed| probed.failure.clone()).collect();
        if reasons.is_empty() || reasons.len() < self.probed.len() {
            return (None, None);
        }
        (Some(Stopped::NotStarted), Some(RunError::NoneLaunched { reasons }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{case::cluster::Group, run::cluster::pods};

    fn refused() -> Probed {
        Probed::refused(&Group::default())
    }

    fn failed() -> Probed {
        Probed { failure: Some(pods::Refusal::Admission("exceeded quota".into())), ..refused() }
    }

    #[test]
    fn a_run_without_any_probe_has_an_error() {
        let (stopped, failure) = Results::unlaunched(vec![failed(), failed()]).end();
        assert_eq!(stopped, Some(Stopped::NotStarted));
        assert_eq!(failure.unwrap().to_string(), "no probe could be started\n  | exceeded quota (2 probes)");
        assert!(matches!(Results::unlaunched(vec![failed(), refused()]).end(), (None, None)));
        assert!(matches!(Results::unlaunched(Vec::new()).end(), (None, None)));
    }

    #[test]
    fn a_probe_whose_image_no_node_can_pull_tells_the_remedy() {
        let probed = Probed::failed(&pods::Refusal::NotPulled("401 Unauthorized".into()));
        let [breach] = probed.collected.breaches.as_slice() else { panic!("one breach") };
        let told = breach.to_string();
        assert!(told.contains("401 Unauthorized; ") && told.contains("--image-pull-secret NAME"), "{told}");
    }

    #[test]
    fn a_timeout_outweighs_failures_and_an_interruption_outweighs_both() {
        let late = || Probed { timed_out: true, ..failed() };
        assert!(matches!(Results::unlaunched(vec![failed(), late()]).end(), (Some(Stopped::TimedOut), None)));
        let interrupted = Results { interrupted: true, ..Results::unlaunched(vec![late()]) };
        assert!(matches!(interrupted.end(), (Some(Stopped::Interrupted), None)));
    }
}
