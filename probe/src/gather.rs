//! Keeps a worker going until every observer has answered or met its deadline.
//!
//! [`Gathering`] decides and is pure; [`gather`] runs the workers. A worker that a signal ended, that hung or that gave up
//! costs the observer that it had begun, and nothing else.

mod child;

use std::{
    io,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use child::Ending;
pub(crate) use child::Worker;
use proto::{
    Assignment, Fact, MEASURING, Observation, Observed, Observer,
    worker::{Order, Progress},
};
use tokio::{sync::mpsc::Sender, time::timeout};

/// Which observers still owe an answer, and who is to blame if the worker ends.
#[derive(Debug)]
struct Gathering<'a> {
    assignment: &'a Assignment,
    pending: Vec<Observer>,
    begun: Option<Observer>,
}

/// Runs all observers of the assignment and sends each result as soon as it is there; ends early where nobody receives.
/// The first worker is there already: it started while the assignment was asked for.
pub(crate) async fn gather(
    first: io::Result<Worker>,
    executable: &OwnedFd,
    assignment: &Assignment,
    results: &Sender<Observed>,
) {
    let started = Instant::now();
    let mut gathering = Gathering::new(assignment);
    let mut first = Some(first);
    while let Some(order) = gathering.order(started.elapsed()) {
        let worker = first.take().unwrap_or_else(|| Worker::start(executable));
        let outcome = match worker {
            Ok(worker) => gathering.attend(worker, &order, results).await,
            Err(error) => Observation::failed(format!("failed to start a worker: {error}")),
        };
        if let Some(observed) = gathering.blame(outcome)
            && results.send(observed).await.is_err()
        {
            return;
        }
    }
}

// === impl Gathering ===

impl<'a> Gathering<'a> {
    fn new(assignment: &'a Assignment) -> Self {
        Self { assignment, pending: assignment.observers.clone(), begun: None }
    }

    /// What a fresh worker is to do; `None` where nothing is left. All attempts of a run share one deadline, so a later
    /// worker has less time for them.
    fn order(&self, elapsed: Duration) -> Option<Order> {
        let mut budget = self.assignment.budget;
        budget.egress = budget.egress.saturating_sub(elapsed);
        budget.again = budget.again.saturating_sub(elapsed);
        (!self.pending.is_empty()).then(|| Order {
            observers: self.pending.clone(),
            targets: self.assignment.targets.clone(),
            budget,
        })
    }

    /// How long the worker may be silent: attempts and measuring have their own time beside an observer's.
    fn patience(&self) -> Duration {
        let budget = self.assignment.budget;
        match self.begun {
            Some(Observer::Egress) => budget.observer + budget.egress,
            Some(Observer::ProcessorShare) => budget.observer + MEASURING,
            _ => budget.observer,
        }
    }

    /// Hears a worker out, and says what its end means for the observer that owes an answer.
    async fn attend(
        &mut self,
        mut worker: Worker,
        order: &Order,
        results: &Sender<Observed>,
    ) -> Observation<Fact> {
        if worker.take_on(order).is_err() {
            // It ended before it could read: how it ended is the reason.
            return worker.ending().into();
        }
        loop {
            match timeout(self.patience(), worker.next()).await {
                Ok(Ok(Some(progress))) => {
                    if let Some(observed) = self.hear(progress)
                        && results.send(observed).await.is_err()
                    {
                        worker.end();
                        return Observation::failed("nobody receives");
                    }
                }
                Ok(Ok(None)) => return worker.ending().into(),
                Ok(Err(error)) => {
                    worker.end();
                    return Observation::failed(error.to_string());
                }
                Err(_elapsed) => {
                    worker.end();
                    return Observation::TimedOut;
                }
            }
        }
    }

    fn hear(&mut self, progress: Progress) -> Option<Observed> {
        match progress {
            Progress::Begun(observer) => {
                self.begun = Some(observer);
                None
            }
            Progress::Done(observed) => {
                self.begun = None;
                self.settle(observed.observer).then_some(observed)
            }
        }
    }

    /// The worker has ended: whoever had begun, or would have been next, has this outcome. None is left to blame where
    /// all had answered.
    fn blame(&mut self, outcome: Observation<Fact>) -> Option<Observed> {
        let culprit = self.begun.take().filter(|begun| self.pending.contains(begun));
        let observer = culprit.or_else(|| self.pending.first().copied())?;
        self.settle(observer);
        Some(Observed { observer, outcome })
    }

    fn settle(&mut self, observer: Observer) -> bool {
        let before = self.pending.len();
        self.pending.retain(|&pending| pending != observer);
        self.pending.len() < before
    }
}

impl From<Ending> for Observation<Fact> {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Signalled(signal) => Self::Crashed { signal },
            Ending::Exited(code) => {
                Self::failed(format!("the worker ended with code {code} before it answered"))
            }
            Ending::Unknown => Self::failed("the worker ended before it answered"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::{Budget, MemoryTotal, Nonce};

    use super::*;

    fn assignment() -> Assignment {
        Assignment {
            nonce: Nonce([0; 16]),
            observers: vec![Observer::BootId, Observer::MemoryTotal, Observer::Egress],
            targets: Vec::new(),
            budget: Budget {
                observer: Duration::from_secs(2),
                egress: Duration::from_secs(3),
                again: Duration::from_secs(2),
            },
        }
    }

    fn seen() -> Observed {
        let fact = Fact::MemoryTotal(MemoryTotal { bytes: 1 });
        Observed { observer: Observer::MemoryTotal, outcome: Observation::Seen(fact) }
    }

    #[test]
    fn a_crash_costs_the_observer_that_had_begun_and_the_rest_is_asked_again() {
        let assignment = assignment();
        let mut gathering = Gathering::new(&assignment);
        gathering.hear(Progress::Begun(Observer::Egress));
        gathering.hear(Progress::Begun(Observer::BootId));
        let blamed = gathering.blame(Observation::Crashed { signal: 31 }).unwrap();
        assert_eq!(blamed.observer, Observer::BootId);
        let order = gathering.order(Duration::from_secs(1)).unwrap();
        assert_eq!(order.observers, [Observer::MemoryTotal, Observer::Egress]);
        assert_eq!(order.budget.egress, Duration::from_secs(2));
    }

    #[test]
    fn a_worker_that_never_begins_costs_an_observer_each_time_so_that_the_run_ends() {
        let assignment = assignment();
        let mut gathering = Gathering::new(&assignment);
        let blamed: Vec<_> = std::iter::from_fn(|| gathering.blame(Observation::TimedOut)).collect();
        assert_eq!(blamed.len(), 3);
        assert_eq!(gathering.order(Duration::ZERO), None);
    }

    #[test]
    fn the_end_of_a_worker_that_had_answered_everything_blames_nobody() {
        let assignment = Assignment { observers: vec![Observer::MemoryTotal], ..assignment() };
        let mut gathering = Gathering::new(&assignment);
        gathering.hear(Progress::Begun(Observer::MemoryTotal));
        assert_eq!(gathering.hear(Progress::Done(seen())), Some(seen()));
        assert_eq!(gathering.blame(Observation::TimedOut), None);
    }

    #[test]
    fn an_answer_that_nobody_asked_for_is_dropped() {
        let assignment = Assignment { observers: vec![Observer::BootId], ..assignment() };
        let mut gathering = Gathering::new(&assignment);
        assert_eq!(gathering.hear(Progress::Done(seen())), None);
    }

    #[test]
    fn attempts_and_measuring_are_given_their_own_time() {
        let assignment = assignment();
        let mut gathering = Gathering::new(&assignment);
        assert_eq!(gathering.patience(), Duration::from_secs(2));
        gathering.hear(Progress::Begun(Observer::Egress));
        assert_eq!(gathering.patience(), Duration::from_secs(5));
        gathering.hear(Progress::Begun(Observer::ProcessorShare));
        assert_eq!(gathering.patience(), Duration::from_secs(2) + MEASURING);
    }
}
