//! One round of attempts under one deadline.

use std::{
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, AsRawFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollTimeout, poll},
};
use proto::{Attempt, Target};

use super::{lookup::Lookup, underway::Underway};

/// The most names that are looked up. Each takes a few of the probe's 1024 file descriptors (setrlimit(2)).
const NAMES: usize = 32;

/// All attempts of a round, while they are under way.
#[derive(Debug)]
pub(super) struct Round {
    started: Instant,
    budget: Duration,
    lookups: Vec<Lookup>,
    attempts: Vec<Underway>,
}

// === impl Round ===

impl Round {
    /// Starts an attempt on each target, or the lookup of its name, and waits for none.
    pub(super) fn begin(targets: &[Target], servers: &[SocketAddr], budget: Duration) -> Self {
        let started = Instant::now();
        let mut names: Vec<_> = targets.iter().filter_map(Target::looked_up).collect();
        names.sort_unstable();
        names.dedup();
        names.truncate(NAMES);
        let attempt = |target: &Target| match target.looked_up() {
            Some(name) if names.contains(&name) => Underway::waiting(target),
            _ => Underway::begin(target, servers, started),
        };
        // The attempts on addresses wait for no lookup.
        let attempts = targets.iter().map(attempt).collect();
        let lookups = (1..).zip(&names).map(|(number, name)| Lookup::begin(number, name, targets, servers));
        let mut round = Self { started, budget, lookups: lookups.collect(), attempts };
        round.go_on();
        round
    }

    /// Returns the addresses of the names that were looked up.
    pub(super) fn lookups(&self) -> impl Iterator<Item = (&str, &[IpAddr])> {
        self.lookups.iter().map(|lookup| (lookup.name(), lookup.found()))
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
            let (started, budget, patience) = (self.started, self.budget, self.for_lookups());
            self.attempts.iter_mut().for_each(|attempt| attempt.repeat(budget, started));
            self.lookups.iter_mut().for_each(|lookup| lookup.repeat(patience, started));
            if elapsed >= patience {
                self.lookups.iter_mut().for_each(Lookup::end);
            }
            self.go_on();
        }
    }

    /// Returns the results, in the order of the targets.
    pub(super) fn conclude(self) -> Vec<Attempt> {
        self.attempts.into_iter().map(|attempt| attempt.conclude(self.budget)).collect()
    }

    /// Returns the time for all lookups, counted from the start. The rest is left for the attempts that follow.
    fn for_lookups(&self) -> Duration {
        self.budget / 2
    }

    /// Starts the attempts whose names have been looked up.
    fn go_on(&mut self) {
        for lookup in self.lookups.iter().filter(|lookup| lookup.is_over()) {
            let mut number = 0;
            for attempt in &mut self.attempts {
                let Some(target) = attempt.waits().filter(|it| it.looked_up() == Some(lookup.name())) else {
                    continue;
                };
                let target = Target { address: lookup.address(target, number), ..target.clone() };
                *attempt = Underway::begin(&target, &[], self.started);
                number += 1;
            }
        }
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
        let under_way = self.lookups.iter().filter(|lookup| !lookup.is_over());
        let patience = self.for_lookups();
        let of_lookups = under_way.flat_map(|lookup| lookup.due(patience).into_iter().chain([patience]));
        due.chain(of_lookups).fold(self.budget, Duration::min).saturating_sub(elapsed)
    }

    fn wait_for(&mut self, longest: Duration) -> nix::Result<()> {
        let attempts = self.attempts.iter().flat_map(Underway::pollables);
        let mut descriptors: Vec<_> =
            attempts.chain(self.lookups.iter().flat_map(Lookup::pollables)).collect();
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
        self.lookups.iter_mut().for_each(|lookup| lookup.advance(&ready));
        self.go_on();
        Ok(())
    }
}
