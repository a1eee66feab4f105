//! Keeps a worker running until every observer has answered or met its deadline.
//!
//! [`Gathering`] decides and is pure; [`gather`] runs the workers. A worker that hangs, gives up or is ended by a signal
//! costs only the result of the observer that it had begun.

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

/// The observers that still owe an answer, and the one that is to blame if the worker ends.
#[derive(Debug)]
struct Gathering<'a> {
    assignment: &'a Assignment,
    pending: Vec<Observer>,
    begun: Option<Observer>,
}

/// Runs all observers of the assignment and sends each result at once; ends early if the receiver is gone. The first worker
/// already runs: it started while the probe asked for the assignment.
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

    /// Returns the order for a fresh worker; `None` if no observer is left. A later worker makes both rounds anew, each with its
    /// whole time: silence in less time would mean nothing. Only the wait for the second round is shorter.
    fn order(&self, elapsed: Duration) -> Option<Order> {
        let mut budget = self.assignment.budget;
        budget.again = budget.again.map(|again| again.saturating_sub(elapsed));
        (!self.pending.is_empty()).then(|| Order {
            observers: self.pending.clone(),
            targets: self.assignment.targets.clone(),
            budget,
        })
    }

    /// Returns the time for which the worker may be silent. Attempts and the measurement of processor time have their own
    /// time in addition to an observer's.
    fn patience(&self) -> Duration {
        let budget = self.assignment.budget;
        match self.begun {
            Some(Observer::Egress) => budget.observer + budget.rounds(),
            Some(Observer::ProcessorShare) => budget.observer + MEASURING,
            _ => budget.observer,
        }
    }

    /// Receives a worker's results until it ends, and returns what its end means for the observer that owes an answer.
    async fn attend(
        &mut self,
        mut worker: Worker,
        order: &Order,
        results: &Sender<Observed>,
    ) -> Observation<Fact> {
        if worker.take_on(order).is_err() {
            // The worker ended before it could read; its ending is the reason.
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

    /// Gives this outcome to the observer that had begun when the worker ended, or that would have been next. Returns `None`
    /// if all observers had answered.
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
                again: Some(Duration::from_secs(5)),
            },
        }
    }

    fn seen() -> Observed {
        let fact = Fact::MemoryTotal(MemoryTotal { bytes: 1 });
        Observed { observer: Observer::MemoryTotal, outcome: Observation::Seen(fact) }
    }

    #[test]
    fn a_crash_costs_only_the_observer_that_had_begun() {
        let assignment = assignment();
        let mut gathering = Gathering::new(&assignment);
        gathering.hear(Progress::Begun(Observer::Egress));
        gathering.hear(Progress::Begun(Observer::BootId));
        let blamed = gathering.blame(Observation::Crashed { signal: 31 }).unwrap();
        assert_eq!(blamed.observer, Observer::BootId);
        let order = gathering.order(Duration::from_secs(1)).unwrap();
        assert_eq!(order.observers, [Observer::MemoryTotal, Observer::Egress]);
    }

    #[test]
    fn a_later_worker_has_the_whole_time_for_each_round() {
        let assignment = assignment();
        let gathering = Gathering::new(&assignment);
        for (elapsed, again) in [(0, 5), (2, 3), (9, 0)] {
            let budget = gathering.order(Duration::from_secs(elapsed)).unwrap().budget;
            assert_eq!(budget.egress, Duration::from_secs(3));
            assert_eq!(budget.again, Some(Duration::from_secs(again)));
        }
    }

    #[test]
    fn each_worker_that_never_begins_costs_an_observer_so_that_the_run_ends() {
        let assignment = assignment();
        let mut gathering = Gathering::new(&assignment);
        let blamed: Vec<_> = std::iter::from_fn(|| gathering.blame(Observation::TimedOut)).collect();
        assert_eq!(blamed.len(), 3);
        assert_eq!(gathering.order(Duration::ZERO), None);
    }

    #[test]
    fn a_worker_that_ends_after_its_last_answer_blames_no_observer() {
        let assignment = Assignment { observers: vec![Observer::MemoryTotal], ..assignment() };
        let mut gathering = Gathering::new(&assignment);
        gathering.hear(Progress::Begun(Observer::MemoryTotal));
        assert_eq!(gathering.hear(Progress::Done(seen())), Some(seen()));
        assert_eq!(gathering.blame(Observation::TimedOut), None);
    }

    #[test]
    fn an_answer_of_an_observer_outside_the_assignment_is_dropped() {
        let assignment = Assignment { observers: vec![Observer::BootId], ..assignment() };
        let mut gathering = Gathering::new(&assignment);
        assert_eq!(gathering.hear(Progress::Done(seen())), None);
    }

    #[test]
    fn attempts_and_measuring_have_their_own_time() {
        let assignment = assignment();
        let mut gathering = Gathering::new(&assignment);
        assert_eq!(gathering.patience(), Duration::from_secs(2));
        gathering.hear(Progress::Begun(Observer::Egress));
        assert_eq!(gathering.patience(), Duration::from_secs(2 + 5 + 3));
        gathering.hear(Progress::Begun(Observer::ProcessorShare));
        assert_eq!(gathering.patience(), Duration::from_secs(2) + MEASURING);
    }
}
