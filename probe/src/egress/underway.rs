//! One attempt: its state and its ending.

use std::{
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, RawFd},
    task::Poll,
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags};
use proto::{Attempt, Protocol, Reach, Target};

use super::{
    ending::Ending,
    tcp::{self, Connection},
    udp::Exchange,
};

#[derive(Debug)]
pub(super) struct Underway {
    target: u32,
    /// True if the sandbox's own kernel refused the attempt at once, because it has no way to the target.
    found_no_way: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The name of the target is looked up first.
    Waiting(Target),
    Connecting(Connection),
    /// The exchanges with all servers that may still answer, and the best ending so far.
    Exchanging(Vec<Exchange>, Option<Ended>),
    Ended(Ended),
}

#[derive(Clone, Copy, Debug)]
struct Ended {
    ending: Ending,
    took: Duration,
}

// === impl Underway ===

impl Underway {
    /// Returns the attempt on a target whose name is looked up first.
    pub(super) fn waiting(target: &Target) -> Self {
        Self { target: target.id, found_no_way: false, state: State::Waiting(target.clone()) }
    }

    /// Returns the target whose name is looked up; `None` once the attempt has begun.
    pub(super) const fn waits(&self) -> Option<&Target> {
        match &self.state {
            State::Waiting(target) => Some(target),
            _ => None,
        }
    }

    pub(super) fn begin(target: &Target, servers: &[SocketAddr], started: Instant) -> Self {
        let at_once =
            |errno| State::ended(Ending::at_once_on(target.address, errno, target.protocol), started);
        let state = match target.protocol {
            Protocol::Tcp => Connection::begin(target).map_or_else(at_once, State::Connecting),
            Protocol::Socket => State::ended(tcp::local(&target.name), started),
            Protocol::Resolver if servers.is_empty() => State::ended(Ending::of(Reach::NoResolver), started),
            Protocol::Resolver => State::exchanging(target, servers, started),
            Protocol::Udp | Protocol::Dns | Protocol::OneWay | Protocol::Heard | Protocol::Echo => {
                State::exchanging(target, &[SocketAddr::new(target.address, target.port)], started)
            }
        };
        Self { target: target.id, found_no_way: state.is_without_a_way(), state }
    }

    pub(super) const fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended(_))
    }

    /// Returns true if nothing was sent, because the sandbox's own kernel has no way to the target.
    pub(super) const fn found_no_way(&self) -> bool {
        self.found_no_way
    }

    pub(super) fn pollables(&self) -> Vec<PollFd<'_>> {
        match &self.state {
            State::Connecting(connection) => vec![PollFd::new(connection.as_fd(), connection.awaits())],
            State::Exchanging(exchanges, _) => {
                exchanges.iter().map(|exchange| PollFd::new(exchange.as_fd(), PollFlags::POLLIN)).collect()
            }
            State::Waiting(_) | State::Ended(_) => Vec::new(),
        }
    }

    /// Records the ending if a descriptor is ready and gives it.
    pub(super) fn advance(&mut self, ready: &[RawFd], started: Instant) {
        let is_ready = |descriptor: &dyn AsFd| ready.contains(&descriptor.as_fd().as_raw_fd());
        match &mut self.state {
            State::Connecting(connection) if is_ready(connection) => {
                if let Poll::Ready(ending) = connection.outcome() {
                    self.state = State::ended(ending, started);
                }
            }
            State::Exchanging(exchanges, best) => {
                exchanges.retain(|exchange| {
                    let outcome = if is_ready(exchange) { exchange.outcome() } else { Poll::Pending };
                    let Poll::Ready(ending) = outcome else { return true };
                    *best = Some(better(*best, Ended { ending, took: started.elapsed() }));
                    false
                });
                self.settle();
            }
            State::Waiting(_) | State::Connecting(_) | State::Ended(_) => (),
        }
    }

    /// Returns the time at which something must be sent again, counted from the start; `None` if nothing must.
    pub(super) fn due(&self, budget: Duration) -> Option<Duration> {
        match &self.state {
            State::Exchanging(exchanges, _) => exchanges.iter().filter_map(|it| it.due(budget)).min(),
            State::Waiting(_) | State::Connecting(_) | State::Ended(_) => None,
        }
    }

    pub(super) fn repeat(&mut self, budget: Duration, started: Instant) {
        if let State::Exchanging(exchanges, best) = &mut self.state {
            exchanges.retain_mut(|exchange| {
                if exchange.due(budget).is_none_or(|due| due > started.elapsed()) {
                    return true;
                }
                let Err(errno) = exchange.send() else { return true };
                // The error answers the previous datagram (ip(7), "Error handling").
                let ending = exchange.objection(errno);
                *best = Some(better(*best, Ended { ending, took: started.elapsed() }));
                false
            });
            self.settle();
        }
    }

    /// Ends the attempt if a server has answered, or if no server is left that could.
    fn settle(&mut self) {
        if let State::Exchanging(exchanges, Some(best)) = &self.state
            && (exchanges.is_empty() || best.ending.reach == Reach::Reached)
        {
            self.state = State::Ended(*best);
        }
    }

    /// Returns the attempt's result. An attempt that is still under way when the budget is spent has timed out.
    pub(super) fn conclude(self, budget: Duration) -> Attempt {
        let overdue = |reach| Ended { ending: Ending::of(reach), took: budget };
        let Ended { ending: Ending { reach, errno }, took } = match self.state {
            // An attempt that had no time was not made.
            State::Waiting(_) => overdue(Reach::Failed),
            State::Connecting(connection) => overdue(connection.overdue()),
            State::Exchanging(exchanges, best) => {
                let silent = exchanges.first().map_or(Reach::TimedOut, Exchange::overdue);
                better(best, overdue(silent))
            }
            State::Ended(ended) => ended,
        };
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        Attempt { target: self.target, reach, errno, took_us, again: None }
    }
}

/// Returns the ending that says more. A resolved name comes before any other answer, an answer before silence, and the
/// earlier ending before the later one.
fn better(before: Option<Ended>, now: Ended) -> Ended {
    let rank = |ended: &Ended| (ended.ending.reach == Reach::Reached, ended.ending.reach.is_contact());
    before.filter(|before| rank(before) >= rank(&now)).unwrap_or(now)
}

// === impl State ===

impl State {
    /// Returns true for an attempt that has ended before it could send, if the kernel refused it for want of a way. A kernel
    /// without a network permits no echo (icmp(7), `ping_group_range`).
    fn is_without_a_way(&self) -> bool {
        let Self::Ended(Ended { ending, .. }) = self else { return false };
        matches!(
            ending.reach,
            Reach::NoRoute
                | Reach::HostUnreachable
                | Reach::NoAddressFamily
                | Reach::NoResolver
                | Reach::NotPermitted
        )
    }

    fn ended(ending: Ending, started: Instant) -> Self {
        Self::Ended(Ended { ending, took: started.elapsed() })
    }

    fn exchanging(target: &Target, servers: &[SocketAddr], started: Instant) -> Self {
        let mut exchanges = Vec::new();
        let mut best = None;
        for &server in servers {
            match Exchange::begin(target, server, started.elapsed()) {
                Ok(exchange) => exchanges.push(exchange),
                Err(errno) => {
                    let ending = Ending::at_once_on(server.ip(), errno, target.protocol);
                    best = Some(better(best, Ended { ending, took: started.elapsed() }));
                }
            }
        }
        match best {
            Some(ended) if exchanges.is_empty() => Self::Ended(ended),
            best => Self::Exchanging(exchanges, best),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    #[test]
    fn an_attempt_that_is_pending_when_the_budget_is_spent_timed_out() {
        let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = silent.local_addr().unwrap();
        let target = Target::at(1, address.ip(), address.port(), Protocol::Udp);
        let attempt = Underway::begin(&target, &[], Instant::now()).conclude(Duration::from_millis(5));
        let expected = Attempt { target: 1, reach: Reach::TimedOut, errno: 0, took_us: 5000, again: None };
        assert_eq!(attempt, expected);
    }

    #[test]
    fn an_attempt_without_a_name_server_ends_as_no_resolver() {
        let target = Target::at(1, Ipv4Addr::UNSPECIFIED.into(), 0, Protocol::Resolver);
        let attempt = Underway::begin(&target, &[], Instant::now()).conclude(Duration::from_millis(5));
        assert_eq!(attempt.reach, Reach::NoResolver);
    }

    #[test]
    fn the_answer_that_says_most_counts() {
        let ended = |reach| Ended { ending: Ending::of(reach), took: Duration::ZERO };
        for (before, now, best) in [
            (Reach::NameRefused, Reach::Reached, Reach::Reached),
            (Reach::NoName, Reach::TimedOut, Reach::NoName),
            (Reach::TimedOut, Reach::NoName, Reach::NoName),
            (Reach::NoRoute, Reach::TimedOut, Reach::NoRoute),
        ] {
            assert_eq!(better(Some(ended(before)), ended(now)).ending.reach, best, "{before:?} {now:?}");
        }
    }
}
