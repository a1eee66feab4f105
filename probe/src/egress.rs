//! Attempts to reach targets, all at once under one deadline, in two rounds. Nothing is sent over a connection, and a
//! connection that was made is closed. By UDP a datagram is sent, and repeated while nothing comes back. Of an answer only a
//! listener's token and the header of a DNS message are read, and the addresses of a name that is looked up before its attempts.
//!
//! The second round begins some seconds later, because a network may open or close after a container has started. It attempts
//! every target again, whatever came of the first attempt.

mod age;
mod dns;
mod ending;
mod lookup;
mod resolver;
mod round;
mod socket;
mod tcp;
mod udp;
mod underway;

use std::{net::IpAddr, thread, time::Duration};

use proto::{Attempt, Budget, Egress, Lookup, Observation, Protocol, Target};
use round::Round;

use crate::{network::interfaces, vantage::Vantage};

/// All attempts of a run, while the first round is under way.
#[derive(Debug)]
pub(crate) struct Attempts {
    budget: Duration,
    again: Option<Duration>,
    targets: Vec<Target>,
    servers: Vec<IpAddr>,
    first: Round,
    container_age: Option<Duration>,
}

// === impl Attempts ===

impl Attempts {
    /// Starts the first round and waits for no attempt.
    pub(crate) fn begin(targets: &[Target], budget: Budget, vantage: &Vantage) -> Self {
        let Budget { egress, again, observer: _ } = budget;
        let asks = |it: &Target| it.protocol == Protocol::Resolver || it.looked_up().is_some();
        let asked = targets.iter().any(asks);
        let servers = if asked { resolver::name_servers(vantage) } else { Vec::new() };
        let first = Round::begin(targets, &resolver::places(&servers), egress);
        let container_age = age::container(vantage);
        Self { budget: egress, again, targets: targets.to_vec(), servers, first, container_age }
    }

    /// Waits for the end of both rounds. There is no second round if no attempt can leave the sandbox.
    pub(crate) fn finish(self) -> Observation<Egress> {
        self.rounds(Self::may_leave)
    }

    fn rounds(mut self, may_leave: impl Fn(&Self) -> bool) -> Observation<Egress> {
        if let Err(errno) = self.first.wait() {
            return Observation::failed(format!("poll: {}", errno.desc()));
        }
        let mut again = Vec::new();
        let mut lookups = Vec::new();
        remember(&mut lookups, &self.first);
        if let Some(at) = self.again.filter(|_| may_leave(&self)) {
            thread::sleep(at.saturating_sub(self.first.elapsed()));
            let mut second = Round::begin(&self.targets, &resolver::places(&self.servers), self.budget);
            if let Err(errno) = second.wait() {
                return Observation::failed(format!("poll: {}", errno.desc()));
            }
            remember(&mut lookups, &second);
            again = second.conclude();
        }
        let again = again.into_iter().map(|attempt| Some(attempt.reach)).chain(std::iter::repeat(None));
        let attempts = self.first.conclude().into_iter().zip(again);
        Observation::Seen(Egress {
            attempts: attempts.map(|(attempt, again)| Attempt { again, ..attempt }).collect(),
            name_servers: self.servers,
            container_age_ms: self.container_age.and_then(|age| u64::try_from(age.as_millis()).ok()),
            lookups,
        })
    }

    /// Returns true unless every attempt stays in the sandbox. Without an interface but loopback, the kernel's refusal of an
    /// attempt means that there is no way out, and nothing is to be learnt from a second refusal.
    fn may_leave(&self) -> bool {
        let mut outward = self.first.attempts(&self.targets).filter(|(target, _)| !self.stays_inside(target));
        let refused = outward.all(|(_, attempt)| attempt.found_no_way());
        let nothing_outward = self.targets.iter().all(|target| self.stays_inside(target));
        !(nothing_outward || refused && has_only_loopback())
    }

    fn stays_inside(&self, target: &Target) -> bool {
        match target.protocol {
            Protocol::Socket => true,
            Protocol::Resolver => self.servers.iter().all(IpAddr::is_loopback),
            _ => target.address.is_loopback(),
        }
    }
}

/// Adds the addresses of a round's lookups to those of the rounds before.
fn remember(all: &mut Vec<Lookup>, round: &Round) {
    for (name, found) in round.lookups() {
        let known = all.iter().position(|lookup| lookup.name == name);
        let lookup = match known.and_then(|position| all.get_mut(position)) {
            Some(known) => known,
            None => all.push_mut(Lookup { name: name.to_owned(), addresses: Vec::new() }),
        };
        let new: Vec<_> = found.iter().filter(|it| !lookup.addresses.contains(it)).copied().collect();
        lookup.addresses.extend(new);
    }
}

fn has_only_loopback() -> bool {
    let interfaces = interfaces::observe();
    interfaces.seen().is_some_and(|seen| seen.interfaces.iter().all(|interface| interface.loopback))
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::{Ipv4Addr, TcpListener, UdpSocket},
        path::Path,
        thread,
        time::Instant,
    };

    use proto::{Nonce, Reach, listener};

    use super::*;

    /// A time far longer than any operation on loopback takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn loopback(id: u32, port: u16, protocol: Protocol) -> Target {
        Target::at(id, IpAddr::V4(Ipv4Addr::LOCALHOST), port, protocol)
    }

    fn begun(targets: &[Target], egress: Duration, again: Option<Duration>) -> Attempts {
        let budget = Budget { observer: PATIENCE, egress, again };
        Attempts::begin(targets, budget, &Vantage::rooted(Path::new("/proc/self/fdinfo")))
    }

    fn seen(egress: Observation<Egress>) -> Vec<Attempt> {
        let Observation::Seen(Egress { attempts, .. }) = egress else { panic!("no attempts") };
        attempts
    }

    fn ends(targets: &[Target], budget: Duration) -> Vec<(u32, Reach)> {
        let attempts = seen(begun(targets, budget, None).finish());
        attempts.iter().map(|attempt| (attempt.target, attempt.reach)).collect()
    }

    /// Makes both rounds although loopback does not lead out of a sandbox, and returns the ends of the only target.
    fn twice(target: Target, egress: Duration, again: Duration) -> (Reach, Option<Reach>) {
        let attempts = seen(begun(&[target], egress, Some(again)).rounds(|_| true));
        (attempts[0].reach, attempts[0].again)
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
    fn a_port_that_opens_between_the_rounds_is_reached_in_the_second() {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let opening = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap()
        });
        let ends = twice(loopback(7, port, Protocol::Tcp), PATIENCE, Duration::from_millis(500));
        assert_eq!(ends, (Reach::Refused, Some(Reach::Reached)));
        drop(opening.join().unwrap());
    }

    #[test]
    fn a_port_that_closes_between_the_rounds_is_reached_in_the_first() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let closing = thread::spawn(move || {
            listener.accept().unwrap();
        });
        let ends = twice(loopback(7, port, Protocol::Tcp), PATIENCE, Duration::from_millis(500));
        assert_eq!(ends, (Reach::Reached, Some(Reach::Refused)));
        closing.join().unwrap();
    }

    #[test]
    fn a_silent_port_has_the_whole_time_in_each_round() {
        let (_silent, port) = udp();
        let (started, egress) = (Instant::now(), Duration::from_millis(40));
        let ends = twice(loopback(7, port, Protocol::Udp), egress, Duration::from_millis(1));
        assert_eq!(ends, (Reach::TimedOut, Some(Reach::TimedOut)));
        assert!(started.elapsed() >= 2 * egress, "{:?}", started.elapsed());
    }

    #[test]
    fn the_second_round_waits_for_its_time() {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let started = Instant::now();
        twice(loopback(7, port, Protocol::Tcp), PATIENCE, Duration::from_millis(200));
        assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
    }

    #[test]
    fn attempts_that_stay_in_the_sandbox_are_made_once() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let socket = Target { name: "/no/such/socket".into(), ..loopback(8, 0, Protocol::Socket) };
        let targets = [loopback(7, listener.local_addr().unwrap().port(), Protocol::Tcp), socket];
        let attempts = seen(begun(&targets, PATIENCE, Some(PATIENCE)).finish());
        assert_eq!(attempts.iter().map(|attempt| attempt.again).collect::<Vec<_>>(), [None, None]);
    }

    #[test]
    fn without_targets_there_are_no_attempts() {
        assert_eq!(ends(&[], Duration::from_secs(1)), []);
    }
}
