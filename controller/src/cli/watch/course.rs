//! The course of a watch from one run to the next.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    cli::ending::Ended,
    judge::exit::Exit,
    plan::renewal::{self, JudgedGroups, Scene, Used},
    run::jitter,
};

/// The state of the command between two runs.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// The runs that failed or were not ready, one after the other.
    failures: u32,
    /// The scene from which a change calls for the next run.
    pub(super) known: Scene,
    /// The pools whose nodes ran a probe in the last run that published, and in those before it whose groups count.
    pub(super) used: Used,
    /// The groups that need no further run.
    judged: JudgedGroups,
    /// The end of the run that judged the first of them; `None` before the first run.
    judged_since: Option<Instant>,
    /// The whole life of the last proof.
    life: Duration,
}

impl Course {
    /// Takes the scene before a run, which tells the changes that called for it. A group is judged anew after half of a proof's life.
    pub(super) fn begins(&mut self, then: &Scene) {
        if self.judged_since.is_some_and(|since| since.elapsed() >= self.life / 2) {
            self.judged.forget();
        }
        self.judged.called_by(&renewal::changes(&self.known, then, &self.used));
    }

    /// Takes the end of a run, `None` for one without a record, and the scenes before and after it. Returns the time until the next one. A
    /// namespace that is not ready is judged again as soon as after a failed run: not every change that mends it is watched, and the
    /// gate is closed until then.
    pub(super) fn after(&mut self, ended: Option<Ended>, then: Scene, now: &Scene) -> Duration {
        let passed = ended.as_ref().filter(|it| it.report.verdict.passes() && it.published.is_some());
        let is_further = !self.judged.is_empty();
        if !is_further {
            self.judged_since = Some(Instant::now());
        }
        let earlier = passed.filter(|_| is_further).map(|_| self.used.clone());
        self.known = if let Some(ended) = passed {
            self.judged.passed(then, now, &ended.pods)
        } else {
            self.judged.forget();
            then
        };
        let pause = self.until_next(ended);
        if let Some(earlier) = earlier {
            self.used = std::mem::take(&mut self.used).and(earlier);
        }
        pause
    }

    /// Takes the end of a run. Returns the time until the next one.
    fn until_next(&mut self, ended: Option<Ended>) -> Duration {
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
        self.life = published.life;
        let due = renewal::before_expiry(published.left, published.life, jitter);
        if passes { due } else { due.min(again) }
    }
}
