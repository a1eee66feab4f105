//! One round of attempts under one deadline.

use std::{
    net::IpAddr,
    os::fd::{AsFd, AsRawFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollTimeout, poll},
};
use proto::{Attempt, Target};

use super::underway::Underway;

/// All attempts of a round, while they are under way.
#[derive(Debug)]
pub(super) struct Round {
    started: Instant,
    budget: Duration,
    attempts: Vec<Underway>,
}

// === impl Round ===

impl Round {
    /// Starts an attempt on each target and waits for none.
    pub(super) fn begin(targets: &[Target], servers: &[IpAddr], budget: Duration) -> Self {
        let started = Instant::now();
        let attempts = targets.iter().map(|target| Underway::begin(target, servers, started)).collect();
        Self { started, budget, attempts }
    }

    /// Returns the time since the start of the round.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns each target with its attempt.
    pub(super) fn attempts<'a>(
        &'a self,
        targets: &'a [Target],
    ) -> impl Iterator<Item = (&'a Target, &'a Underway)> {
        targets.iter().zip(&self.attempts)
    }

    /// Waits until each attempt has ended or the budget is spent. Even if the budget is spent, each attempt is asked once for
    /// its ending.
    pub(super) fn wait(&mut self) -> nix::Result<()> {
        loop {
            let elapsed = self.elapsed();
            self.wait_for(self.patience(elapsed))?;
            if elapsed >= self.budget || self.is_over() {
                return Ok(());
            }
            let (started, budget) = (self.started, self.budget);
            self.attempts.iter_mut().for_each(|attempt| attempt.repeat(budget, started));
        }
    }

    /// Returns the results, in the order of the targets.
    pub(super) fn conclude(self) -> Vec<Attempt> {
        self.attempts.into_iter().map(|attempt| attempt.conclude(self.budget)).collect()
    }

    fn is_over(&self) -> bool {
        self.attempts.iter().all(Underway::has_ended)
    }

    /// Returns the time until something must be sent again or the budget is spent.
    fn patience(&self, elapsed: Duration) -> Duration {
        if self.is_over() {
            return Duration::ZERO;
        }
        let due = self.attempts.iter().filter_map(|attempt| attempt.due(self.budget));
        due.fold(self.budget, Duration::min).saturating_sub(elapsed)
    }

    fn wait_for(&mut self, longest: Duration) -> nix::Result<()> {
        let mut descriptors: Vec<_> = self.attempts.iter().flat_map(Underway::pollables).collect();
        let timeout = PollTimeout::try_from(longest + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut descriptors, timeout) {
            Ok(_) | Err(Errno::EINTR) => (),
            Err(errno) => return Err(errno),
        }
        let ready: Vec<_> = descriptors
            .iter()
            .filter(|descriptor| descriptor.any().unwrap_or(true))
            .map(|descriptor| descriptor.as_fd().as_raw_fd())
            .collect();
        let started = self.started;
        self.attempts.iter_mut().for_each(|attempt| attempt.advance(&ready, started));
        Ok(())
    }
}
