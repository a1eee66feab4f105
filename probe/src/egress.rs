//! Attempts to reach targets, all at once under one deadline. Nothing is sent over a connection, and a connection that was
//! made is closed. By UDP a datagram is sent, and repeated while nothing comes back. Of an answer only a listener's token
//! and the header of a DNS message are read.
//!
//! Attempts that have ended by a given time are made again, because a policy may come into force late. The probe waits for
//! this time only if it has reached a target beyond the sandbox itself: where nothing was reached, nothing takes longer.

mod dns;
mod ending;
mod resolver;
mod socket;
mod tcp;
mod udp;
mod underway;

use std::{
    net::IpAddr,
    os::fd::{AsFd, AsRawFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollTimeout, poll},
};
use proto::{Attempt, Budget, Egress, Observation, Protocol, Target};
use underway::Underway;

use crate::vantage::Vantage;

/// All attempts of a run, while they are under way.
#[derive(Debug)]
pub(crate) struct Attempts {
    started: Instant,
    budget: Duration,
    again: Duration,
    targets: Vec<Target>,
    servers: Vec<IpAddr>,
    first: Vec<Underway>,
    /// The second attempts in the targets' order; an item is `None` if the first attempt had not ended by then. The field is
    /// `None` until attempts are made again.
    second: Option<Vec<Option<Underway>>>,
}

// === impl Attempts ===

impl Attempts {
    /// Starts all attempts and waits for none.
    pub(crate) fn begin(targets: &[Target], budget: Budget, vantage: &Vantage) -> Self {
        let started = Instant::now();
        let asked = targets.iter().any(|target| target.protocol == Protocol::Resolver);
        let servers = if asked { resolver::name_servers(vantage) } else { Vec::new() };
        let first = targets.iter().map(|target| Underway::begin(target, &servers, started)).collect();
        let (budget, again, targets) = (budget.egress, budget.again, targets.to_vec());
        Self { started, budget, again, targets, servers, first, second: None }
    }

    /// Waits until each attempt has ended or the budget is spent.
    pub(crate) fn finish(mut self) -> Observation<Egress> {
        // Even if the budget is spent, each attempt is asked once for its ending.
        loop {
            let elapsed = self.started.elapsed();
            if let Err(errno) = self.wait(self.patience(elapsed)) {
                return Observation::failed(format!("poll: {}", errno.desc()));
            }
            if elapsed >= self.budget || self.is_over() {
                break;
            }
            self.repeat();
        }
        let (budget, second) = (self.budget, self.second.unwrap_or_default());
        let again = second.into_iter().map(|attempt| Some(attempt?.conclude(budget).reach));
        let again = again.chain(std::iter::repeat(None));
        let first = self.first.into_iter().map(|attempt| attempt.conclude(budget));
        let attempts = first.zip(again).map(|(attempt, again)| Attempt { again, ..attempt }).collect();
        Observation::Seen(Egress { attempts, name_servers: self.servers })
    }

    /// Returns true if all attempts have ended and no contact demands a second attempt.
    fn is_over(&self) -> bool {
        self.underway().all(Underway::has_ended) && (self.again_at().is_none() || !self.is_worth_waiting())
    }

    /// Returns the time at which ended attempts are made again; `None` if that has happened or never will.
    fn again_at(&self) -> Option<Duration> {
        (self.second.is_none() && self.again < self.budget).then_some(self.again)
    }

    fn is_worth_waiting(&self) -> bool {
        self.targets.iter().zip(&self.first).any(|(target, attempt)| {
            let beyond = target.protocol != Protocol::Socket && !target.address.is_loopback();
            beyond && attempt.has_made_contact()
        })
    }

    fn underway(&self) -> impl Iterator<Item = &Underway> {
        self.first.iter().chain(self.second.iter().flatten().flatten())
    }

    fn underway_mut(&mut self) -> impl Iterator<Item = &mut Underway> {
        self.first.iter_mut().chain(self.second.iter_mut().flatten().flatten())
    }

    /// Returns the time until something must be sent again or the budget is spent.
    fn patience(&self, elapsed: Duration) -> Duration {
        if self.is_over() {
            return Duration::ZERO;
        }
        let due = self.underway().filter_map(|attempt| attempt.due(self.budget)).chain(self.again_at());
        due.fold(self.budget, Duration::min).saturating_sub(elapsed)
    }

    fn wait(&mut self, longest: Duration) -> nix::Result<()> {
        let mut descriptors: Vec<_> = self.underway().flat_map(Underway::pollables).collect();
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
        self.underway_mut().for_each(|attempt| attempt.advance(&ready, started));
        Ok(())
    }

    fn repeat(&mut self) {
        let (started, budget) = (self.started, self.budget);
        self.underway_mut().for_each(|attempt| attempt.repeat(budget, started));
        if self.again_at().is_some_and(|at| at <= started.elapsed()) {
            let attempts = self.targets.iter().zip(&self.first);
            let second = attempts.map(|(target, attempt)| {
                attempt.has_ended().then(|| Underway::begin(target, &self.servers, started))
            });
            self.second = Some(second.collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::{Ipv4Addr, TcpListener, UdpSocket},
        path::Path,
        thread,
    };

    use proto::{Nonce, Reach, listener};

    use super::*;

    /// A time far longer than any operation on loopback takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn loopback(id: u32, port: u16, protocol: Protocol) -> Target {
        Target::at(id, IpAddr::V4(Ipv4Addr::LOCALHOST), port, protocol)
    }

    fn made(targets: &[Target], egress: Duration, again: Duration) -> Vec<Attempt> {
        let budget = Budget { observer: PATIENCE, egress, again };
        let vantage = Vantage::rooted(Path::new("/proc/self/fdinfo"));
        let Observation::Seen(Egress { attempts, .. }) = Attempts::begin(targets, budget, &vantage).finish()
        else {
            panic!("no attempts");
        };
        attempts
    }

    fn ends(targets: &[Target], budget: Duration) -> Vec<(u32, Reach)> {
        made(targets, budget, budget).iter().map(|attempt| (attempt.target, attempt.reach)).collect()
    }

    fn udp() -> (UdpSocket, u16) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        (socket, port)
    }

    #[test]
    fn an_open_tcp_port_is_reached_and_a_closed_one_refuses() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let open = listener.local_addr().unwrap().port();
        let targets = [loopback(7, open, Protocol::Tcp), loopback(8, closed, Protocol::Tcp)];
        assert_eq!(ends(&targets, PATIENCE), [(7, Reach::Reached), (8, Reach::Refused)]);
    }

    #[test]
    fn a_spent_budget_still_reports_attempts_that_have_ended() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let targets = [loopback(7, listener.local_addr().unwrap().port(), Protocol::Tcp)];
        assert_eq!(ends(&targets, Duration::ZERO), [(7, Reach::Reached)]);
    }

    #[test]
    fn an_answering_udp_port_is_reached_and_a_closed_one_is_unreachable() {
        let (echo, open) = udp();
        let (_, closed) = udp();
        let answering = thread::spawn(move || {
            let mut datagram = [0; 64];
            let (_, from) = echo.recv_from(&mut datagram).unwrap();
            echo.send_to(&[], from).unwrap();
        });
        let targets = [loopback(7, open, Protocol::Udp), loopback(8, closed, Protocol::Udp)];
        assert_eq!(ends(&targets, PATIENCE), [(7, Reach::Reached), (8, Reach::PortUnreachable)]);
        answering.join().unwrap();
    }

    #[test]
    fn a_name_server_is_reached_if_it_answers_the_query() {
        let (server, port) = udp();
        let answering = thread::spawn(move || {
            let mut query = [0; 64];
            let (length, from) = server.recv_from(&mut query).unwrap();
            assert_eq!(query[..length], dns::query(9, ""));
            server.send_to(&query[..length], from).unwrap();
        });
        assert_eq!(ends(&[loopback(9, port, Protocol::Dns)], PATIENCE), [(9, Reach::Reached)]);
        answering.join().unwrap();
    }

    #[test]
    fn silence_until_the_budget_is_spent_is_a_time_out() {
        let (_silent, port) = udp();
        let attempted = ends(&[loopback(7, port, Protocol::Udp)], Duration::from_millis(40));
        assert_eq!(attempted, [(7, Reach::TimedOut)]);
    }

    #[test]
    fn a_target_that_answers_only_the_second_datagram_is_reached() {
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
    fn only_the_token_of_the_runs_own_listener_counts_as_reached() {
        let (own, other) = (Nonce([7; 16]), Nonce([8; 16]));
        for (shown, reach) in [(own, Reach::Reached), (other, Reach::Another)] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let (datagrams, udp) = udp();
            let answering = thread::spawn(move || {
                listener.accept().unwrap().0.write_all(&shown.0).unwrap();
                let (_, from) = datagrams.recv_from(&mut [0; 64]).unwrap();
                datagrams.send_to(&listener::answer(shown), from).unwrap();
            });
            let targets = [loopback(7, port, Protocol::Tcp), loopback(8, udp, Protocol::Udp)];
            let targets = targets.map(|target| Target { token: Some(own), ..target });
            assert_eq!(ends(&targets, PATIENCE), [(7, reach), (8, reach)]);
            answering.join().unwrap();
        }
    }

    #[test]
    fn an_ended_attempt_is_made_again_while_another_is_pending() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (_silent, silent) = udp();
        let targets = [
            loopback(7, listener.local_addr().unwrap().port(), Protocol::Tcp),
            loopback(8, silent, Protocol::Udp),
        ];
        let attempts = made(&targets, Duration::from_millis(40), Duration::from_millis(10));
        let again: Vec<_> = attempts.iter().map(|attempt| (attempt.reach, attempt.again)).collect();
        assert_eq!(again, [(Reach::Reached, Some(Reach::Reached)), (Reach::TimedOut, None)]);
    }

    #[test]
    fn contact_on_the_sandboxs_own_loopback_is_not_attempted_again() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let targets = [loopback(7, listener.local_addr().unwrap().port(), Protocol::Tcp)];
        assert_eq!(made(&targets, PATIENCE, PATIENCE / 2)[0].again, None);
    }

    #[test]
    fn without_targets_there_are_no_attempts() {
        assert_eq!(ends(&[], Duration::from_secs(1)), []);
    }
}
