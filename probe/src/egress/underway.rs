//! One attempt: how it stands, and how it ended.

use std::{
    os::fd::{AsFd, AsRawFd, RawFd},
    task::Poll,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags},
};
use proto::{Attempt, Protocol, Reach, Target};

use super::{tcp::Connection, udp::Exchange};

#[derive(Debug)]
pub(super) struct Underway {
    target: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Connecting(Connection),
    Exchanging(Exchange),
    Ended { result: nix::Result<()>, took: Duration },
}

impl Underway {
    pub(super) fn begin(target: &Target, started: Instant) -> Self {
        let begun = match target.protocol {
            Protocol::Tcp => Connection::begin(target).map(State::Connecting),
            Protocol::Udp | Protocol::Dns => Exchange::begin(target).map(State::Exchanging),
        };
        let state = begun.unwrap_or_else(|errno| State::ended(Err(errno), started));
        Self { target: target.id, state }
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    pub(super) fn pollable(&self) -> Option<PollFd<'_>> {
        match &self.state {
            State::Connecting(connection) => Some(PollFd::new(connection.as_fd(), PollFlags::POLLOUT)),
            State::Exchanging(exchange) => Some(PollFd::new(exchange.as_fd(), PollFlags::POLLIN)),
            State::Ended { .. } => None,
        }
    }

    /// Takes note of how it ended, if its descriptor is ready and tells.
    pub(super) fn advance(&mut self, ready: &[RawFd], started: Instant) {
        let is_ready = |descriptor: &dyn AsFd| ready.contains(&descriptor.as_fd().as_raw_fd());
        let outcome = match &self.state {
            State::Connecting(connection) if is_ready(connection) => connection.outcome(),
            State::Exchanging(exchange) if is_ready(exchange) => exchange.outcome(),
            State::Connecting(_) | State::Exchanging(_) | State::Ended { .. } => return,
        };
        if let Poll::Ready(result) = outcome {
            self.state = State::ended(result, started);
        }
    }

    /// When something is to be sent again, counted from the start.
    pub(super) fn due(&self, budget: Duration) -> Option<Duration> {
        match &self.state {
            State::Exchanging(exchange) => exchange.due(budget),
            State::Connecting(_) | State::Ended { .. } => None,
        }
    }

    pub(super) fn repeat(&mut self, started: Instant) {
        if let State::Exchanging(exchange) = &mut self.state
            && let Err(errno) = exchange.send()
        {
            self.state = State::ended(Err(errno), started);
        }
    }

    /// What is still on its way when the budget is spent has timed out.
    pub(super) fn conclude(self, budget: Duration) -> Attempt {
        let (reach, errno, took) = match self.state {
            State::Connecting(_) | State::Exchanging(_) => (Reach::TimedOut, 0, budget),
            State::Ended { result: Ok(()), took } => (Reach::Reached, 0, took),
            State::Ended { result: Err(errno), took } => (reach(errno), (errno as i32).unsigned_abs(), took),
        };
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        Attempt { target: self.target, reach, errno, took_us }
    }
}

impl State {
    fn ended(result: nix::Result<()>, started: Instant) -> Self {
        Self::Ended { result, took: started.elapsed() }
    }
}

fn reach(errno: Errno) -> Reach {
    match errno {
        Errno::ECONNREFUSED => Reach::Refused,
        Errno::ECONNRESET => Reach::Reset,
        Errno::ETIMEDOUT => Reach::TimedOut,
        Errno::ENETUNREACH => Reach::NetworkUnreachable,
        Errno::EHOSTUNREACH => Reach::HostUnreachable,
        Errno::EPERM | Errno::EACCES => Reach::NotPermitted,
        Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL => Reach::NoAddressFamily,
        _ => Reach::Failed,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    #[test]
    fn what_is_still_pending_when_the_budget_is_spent_timed_out() {
        let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = silent.local_addr().unwrap();
        let target = Target { id: 1, address: address.ip(), port: address.port(), protocol: Protocol::Udp };
        let attempt = Underway::begin(&target, Instant::now()).conclude(Duration::from_millis(5));
        let expected = Attempt { target: 1, reach: Reach::TimedOut, errno: 0, took_us: 5000 };
        assert_eq!(attempt, expected);
    }
}
