//! The course of a watch from one run to the next.

use std::time::Duration;

use crate::{
    cli::ending::Ended,
    judge::exit::Exit,
    plan::renewal::{self, Used},
    run::jitter,
};

/// The state of the command between two runs.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// The runs that failed or were not ready, one after the other.
    failures: u32,
    /// The pools whose nodes ran a probe in the last run that published.
    pub(super) used: Used,
}

impl Course {
    /// Takes the end of a run, `None` for one without a record. Returns the time until the next one. A namespace that is not ready is
    /// judged again as soon as after a failed run: not every change that mends it is watched, and the gate is closed until then.
    pub(super) fn after(&mut self, ended: Option<Ended>) -> Duration {
        let jitter = jitter();
        let decided =
            ended.filter(|ended| matches!(ended.exit, Exit::Ready | Exit::NotReady | Exit::Leftovers));
        let passes = decided.as_ref().is_some_and(|ended| ended.report.verdict.passes());
        self.failures = if passes { 0 } else { self.failures.saturating_add(1) };
        let again = renewal::after_failure(self.failures, jitter);
        let Some((pools, published)) = decided.and_then(|it| it.pools.zip(it.published)) else {
            return again;
        };
        self.used = Used(Some(pools.names()).filter(|names| !names.is_empty()));
        let due = renewal::before_expiry(published.left, published.life, jitter);
        if passes { due } else { due.min(again) }
    }
}
