//! Attempts to reach targets, all at once under one deadline. A connection that was made is closed, and nothing is sent
//! over it; by UDP a datagram is sent, again while nothing comes back, and what comes back is not looked at.

mod dns;
mod socket;
mod tcp;
mod udp;
mod underway;

use std::{
    os::fd::{AsFd, AsRawFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollTimeout, poll},
};
use proto::{Egress, Observation, Target};
use underway::Underway;

/// Attempts on their way.
#[derive(Debug)]
pub(crate) struct Attempts {
    started: Instant,
    budget: Duration,
    underway: Vec<Underway>,
}

// === impl Attempts ===

impl Attempts {
    /// Starts them all and waits for none.
    pub(crate) fn begin(targets: &[Target], budget: Duration) -> Self {
        let started = Instant::now();
        let underway = targets.iter().map(|target| Underway::begin(target, started));
        Self { started, budget, underway: underway.collect() }
    }

    /// Waits until each has ended, or the budget is spent.
    pub(crate) fn finish(mut self) -> Observation<Egress> {
        // However little is left of the budget, each attempt is asked once how it ended.
        loop {
            let elapsed = self.started.elapsed();
            if let Err(errno) = self.wait(self.patience(elapsed)) {
                return Observation::failed(format!("poll: {}", errno.desc()));
            }
            if self.underway.iter().all(Underway::has_ended) || elapsed >= self.budget {
                break;
            }
            self.repeat();
        }
        let attempts = self.underway.into_iter().map(|attempt| attempt.conclude(self.budget)).collect();
        Observation::Seen(Egress { attempts })
    }

    /// How long to wait before something is to be sent again, or all is over.
    fn patience(&self, elapsed: Duration) -> Duration {
        let due = self.underway.iter().filter_map(|attempt| attempt.due(self.budget));
        due.fold(self.budget, Duration::min).saturating_sub(elapsed)
    }

    fn wait(&mut self, longest: Duration) -> nix::Result<()> {
        let mut descriptors: Vec<_> = self.underway.iter().filter_map(Underway::pollable).collect();
        if descriptors.is_empty() {
            return Ok(());
        }
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
        for attempt in &mut self.underway {
            attempt.advance(&ready, self.started);
        }
        Ok(())
    }

    fn repeat(&mut self) {
        for attempt in &mut self.underway {
            if attempt.due(self.budget).is_some_and(|due| due <= self.started.elapsed()) {
                attempt.repeat(self.started);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket},
        thread,
    };

    use proto::{Protocol, Reach};

    use super::*;

    /// Far longer than anything on loopback takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn loopback(id: u32, port: u16, protocol: Protocol) -> Target {
        Target { id, address: IpAddr::V4(Ipv4Addr::LOCALHOST), port, protocol }
    }

    fn ends(targets: &[Target], budget: Duration) -> Vec<(u32, Reach)> {
        let Observation::Seen(Egress { attempts }) = Attempts::begin(targets, budget).finish() else {
            panic!("no attempts");
        };
        attempts.iter().map(|attempt| (attempt.target, attempt.reach)).collect()
    }

    fn udp() -> (UdpSocket, u16) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        (socket, port)
    }

    #[test]
    fn a_listener_is_reached_and_a_closed_port_refuses() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let open = listener.local_addr().unwrap().port();
        let targets = [loopback(7, open, Protocol::Tcp), loopback(8, closed, Protocol::Tcp)];
        assert_eq!(ends(&targets, PATIENCE), [(7, Reach::Reached), (8, Reach::Refused)]);
    }

    #[test]
    fn a_spent_budget_still_hears_what_has_happened() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let targets = [loopback(7, listener.local_addr().unwrap().port(), Protocol::Tcp)];
        assert_eq!(ends(&targets, Duration::ZERO), [(7, Reach::Reached)]);
    }

    #[test]
    fn any_datagram_back_is_an_answer_and_a_closed_port_refuses() {
        let (echo, open) = udp();
        let (_, closed) = udp();
        let answering = thread::spawn(move || {
            let mut datagram = [0; 64];
            let (_, from) = echo.recv_from(&mut datagram).unwrap();
            echo.send_to(&[], from).unwrap();
        });
        let targets = [loopback(7, open, Protocol::Udp), loopback(8, closed, Protocol::Udp)];
        assert_eq!(ends(&targets, PATIENCE), [(7, Reach::Reached), (8, Reach::Refused)]);
        answering.join().unwrap();
    }

    #[test]
    fn a_name_server_is_asked_a_query_and_reached_by_its_answer() {
        let (server, port) = udp();
        let answering = thread::spawn(move || {
            let mut query = [0; 64];
            let (length, from) = server.recv_from(&mut query).unwrap();
            assert_eq!(query[..length], dns::query(9));
            server.send_to(&query[..length], from).unwrap();
        });
        assert_eq!(ends(&[loopback(9, port, Protocol::Dns)], PATIENCE), [(9, Reach::Reached)]);
        answering.join().unwrap();
    }

    #[test]
    fn silence_until_the_budget_is_spent_has_timed_out() {
        let (_silent, port) = udp();
        let attempted = ends(&[loopback(7, port, Protocol::Udp)], Duration::from_millis(40));
        assert_eq!(attempted, [(7, Reach::TimedOut)]);
    }

    #[test]
    fn a_later_datagram_is_answered_where_the_first_was_lost() {
        let (deaf, port) = udp();
        let answering = thread::spawn(move || {
            deaf.recv(&mut [0; 64]).unwrap();
            let (_, from) = deaf.recv_from(&mut [0; 64]).unwrap();
            deaf.send_to(b"!", from).unwrap();
        });
        assert_eq!(ends(&[loopback(7, port, Protocol::Udp)], Duration::from_secs(2)), [(7, Reach::Reached)]);
        answering.join().unwrap();
    }

    #[test]
    fn no_targets_are_no_attempts() {
        assert_eq!(ends(&[], Duration::from_secs(1)), []);
    }
}
