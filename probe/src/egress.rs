//! Attempts to connect, all at once under one deadline. A connection that was made is closed; nothing is sent over it.

use std::{
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, getsockopt, socket, sockopt},
};
use proto::{Attempt, Egress, Observation, Reach, Target};

/// Attempts on their way.
#[derive(Debug)]
pub(crate) struct Attempts {
    started: Instant,
    budget: Duration,
    underway: Vec<Underway>,
}

#[derive(Debug)]
struct Underway {
    target: Target,
    state: State,
}

#[derive(Debug)]
enum State {
    Pending(OwnedFd),
    Ended { errno: Option<Errno>, took: Duration },
}

// === impl Attempts ===

impl Attempts {
    /// Starts them all and waits for none.
    pub(crate) fn begin(targets: &[Target], budget: Duration) -> Self {
        let started = Instant::now();
        let underway =
            targets.iter().map(|&target| Underway { target, state: State::begin(target, started) });
        Self { started, budget, underway: underway.collect() }
    }

    /// Waits until each has ended, or the budget is spent.
    pub(crate) fn finish(mut self) -> Observation<Egress> {
        // However little is left of the budget, each attempt is asked once how it ended.
        loop {
            let left = self.budget.saturating_sub(self.started.elapsed());
            if let Err(errno) = self.wait(left) {
                return Observation::failed(format!("poll: {}", errno.desc()));
            }
            let ended = self.underway.iter().all(|attempt| matches!(attempt.state, State::Ended { .. }));
            if ended || left.is_zero() {
                break;
            }
        }
        let attempts = self.underway.into_iter().map(|attempt| attempt.conclude(self.budget)).collect();
        Observation::Seen(Egress { attempts })
    }

    fn wait(&mut self, left: Duration) -> nix::Result<()> {
        let mut descriptors: Vec<_> = self.underway.iter().filter_map(Underway::pollable).collect();
        if descriptors.is_empty() {
            return Ok(());
        }
        let timeout = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut descriptors, timeout) {
            Ok(_) | Err(Errno::EINTR) => (),
            Err(errno) => return Err(errno),
        }
        let ready: Vec<_> = descriptors
            .iter()
            .filter(|descriptor| descriptor.any().unwrap_or(true))
            .map(|descriptor| descriptor.as_fd().as_raw_fd())
            .collect();
        for attempt in &mut self.underway {
            attempt.advance(&ready, self.started);
        }
        Ok(())
    }
}

// === impl Underway ===

impl Underway {
    fn pollable(&self) -> Option<PollFd<'_>> {
        match &self.state {
            State::Pending(socket) => Some(PollFd::new(socket.as_fd(), PollFlags::POLLOUT)),
            State::Ended { .. } => None,
        }
    }

    /// Asks a socket that is ready how its connection ended (connect(2), `EINPROGRESS`).
    fn advance(&mut self, ready: &[i32], started: Instant) {
        let State::Pending(socket) = &self.state else { return };
        if !ready.contains(&socket.as_raw_fd()) {
            return;
        }
        let errno = match getsockopt(socket, sockopt::SocketError) {
            Ok(0) => None,
            Ok(errno) => Some(Errno::from_raw(errno)),
            Err(errno) => Some(errno),
        };
        self.state = State::Ended { errno, took: started.elapsed() };
    }

    fn conclude(self, budget: Duration) -> Attempt {
        let (reach, errno, took) = match self.state {
            State::Pending(_) => (Reach::TimedOut, 0, budget),
            State::Ended { errno: None, took } => (Reach::Reached, 0, took),
            State::Ended { errno: Some(errno), took } => (reach(errno), (errno as i32).unsigned_abs(), took),
        };
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        Attempt { target: self.target.id, reach, errno, took_us }
    }
}

// === impl State ===

impl State {
    fn begin(target: Target, started: Instant) -> Self {
        let attempt = || -> nix::Result<(OwnedFd, nix::Result<()>)> {
            let address = SockaddrStorage::from(SocketAddr::new(target.address, target.port));
            let family = if target.address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            let socket = socket(family, SockType::Stream, flags, None)?;
            let connected = connect(socket.as_raw_fd(), &address);
            Ok((socket, connected))
        };
        let ended = |errno| Self::Ended { errno, took: started.elapsed() };
        match attempt() {
            Ok((socket, Err(Errno::EINPROGRESS))) => Self::Pending(socket),
            Ok((_, Ok(()))) => ended(None),
            Ok((_, Err(errno))) | Err(errno) => ended(Some(errno)),
        }
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
    use std::net::{IpAddr, Ipv4Addr, TcpListener};

    use super::*;

    fn loopback(id: u32, port: u16) -> Target {
        Target { id, address: IpAddr::V4(Ipv4Addr::LOCALHOST), port }
    }

    #[test]
    fn a_listener_is_reached_and_a_closed_port_refuses() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let targets = [loopback(7, listener.local_addr().unwrap().port()), loopback(8, closed)];
        let Observation::Seen(Egress { attempts }) =
            Attempts::begin(&targets, Duration::from_secs(20)).finish()
        else {
            panic!("no attempts");
        };
        let ends: Vec<_> = attempts.iter().map(|attempt| (attempt.target, attempt.reach)).collect();
        assert_eq!(ends, [(7, Reach::Reached), (8, Reach::Refused)]);
    }

    #[test]
    fn a_spent_budget_still_hears_what_has_happened() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let targets = [loopback(7, listener.local_addr().unwrap().port())];
        let Observation::Seen(Egress { attempts }) = Attempts::begin(&targets, Duration::ZERO).finish()
        else {
            panic!("no attempts");
        };
        assert_eq!(attempts[0].reach, Reach::Reached);
    }

    #[test]
    fn no_targets_are_no_attempts() {
        let finished = Attempts::begin(&[], Duration::from_secs(1)).finish();
        assert_eq!(finished, Observation::Seen(Egress { attempts: Vec::new() }));
    }

    #[test]
    fn what_is_still_pending_when_the_budget_is_spent_timed_out() {
        let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let underway = Underway { target: loopback(1, 1), state: State::Pending(socket.into()) };
        let attempt = underway.conclude(Duration::from_millis(5));
        assert_eq!((attempt.reach, attempt.errno, attempt.took_us), (Reach::TimedOut, 0, 5000));
    }
}
