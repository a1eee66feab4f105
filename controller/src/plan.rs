//! Plans of local runs, decided before the machine is touched. [`cluster`] plans the probes of a namespace.

pub mod cluster;
pub mod defaults;
pub(crate) mod endpoint;
mod wanted;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    time::Duration,
};

use proto::{Assignment, Budget, Nonce, Observer, Protocol, Target};
use wanted::distinct;
pub use wanted::{Named, Wanted};

use crate::case::{
    Subject,
    destination::{Destination, Purpose},
    limits::Limits,
    profile::Profile,
};

/// The limits of a bundle of our own: enough for every release of runsc, and little enough to differ from any machine's.
pub const LIMITS: Limits = Limits { memory: Some(256 << 20), cpu_millis: Some(2000), pids: None };

/// For each observer, and for all attempts together.
const BUDGET: Budget = Budget {
    observer: Duration::from_secs(2),
    egress: Duration::from_secs(3),
    again: Duration::from_secs(2),
};

/// Reserved for documentation (RFC 5737, RFC 3849). Without a route the kernel refuses them at once.
const DOCUMENTATION: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// A run on this machine.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is judged.
    pub subject: Subject,
    /// Names everything that the run creates.
    pub run: String,
    /// Binds the evidence to the run.
    pub nonce: Nonce,
    /// What the probe attempts.
    pub destinations: Vec<Destination>,
    /// What of it may be reached.
    pub profile: Profile,
    /// Whether the probe measures the processor time that it gets.
    pub measures_cpu: bool,
}

/// What was asked for, as far as it shapes the plan.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `--runtime`, as words.
    pub runtime: Option<Vec<String>>,
    /// `--bundle`.
    pub bundle: Option<PathBuf>,
    /// What was said of the network.
    pub wanted: Wanted,
    /// `--measure-cpu`.
    pub measures_cpu: bool,
    /// Whether an ordinary user runs it, and not root.
    pub rootless: bool,
    /// runsc, where it is on the machine.
    pub installed: Option<PathBuf>,
    /// What network the sandbox is given.
    pub network: Network,
    /// The port of the controller's listener on the loopback address.
    pub loopback_listener: u16,
    /// The controller's listener on the machine's other addresses, where there is one.
    pub listener: Option<Listener>,
}

/// What network a sandbox is given.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Network {
    /// The machine's own, or nobody can tell.
    #[default]
    Shared,
    /// One that is made for it, and is empty.
    Fresh,
    /// Another than the machine's, which is there already.
    Joined,
}

/// Where the controller listens beyond the loopback address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listener {
    /// The machine's own addresses.
    pub addresses: Vec<IpAddr>,
    /// Its port by TCP.
    pub tcp: u16,
    /// Its port by UDP.
    pub udp: u16,
    /// By which its answers are known.
    pub token: Nonce,
    /// By which a datagram of the sandbox is known that needs no answer; its last byte is the address's number.
    pub one_way: Nonce,
}

/// Why there is no plan.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// A bundle was named, and nothing could run it.
    #[error("there is no runsc on PATH to run the bundle")]
    BundleWithoutRuntime,
}

/// Plans a local run. A sandbox with a network namespace of its own is also asked for addresses outside, to which it
/// should have no way; where the machine's network may be shared, nothing is sent outside unasked.
pub fn local(request: &Request, nonce: Nonce) -> Result<Plan, Error> {
    let subject = subject(request)?;
    let loopback = at(Ipv4Addr::LOCALHOST.into(), request.loopback_listener, Purpose::LoopbackListener);
    let network = if subject == Subject::Unsandboxed { Network::Shared } else { network(request, &subject) };
    let shut_in = network != Network::Shared;
    // A network that was there already may lead somewhere, and then nothing goes there unasked.
    let defaults = defaults::destinations().filter(|_| request.wanted.defaults);
    let documented = request.wanted.defaults || network == Network::Fresh;
    let outside = documentation().filter(|_| documented).chain(defaults);
    let destinations = std::iter::once(loopback)
        .chain(outside.filter(|_| shut_in))
        .chain(request.listener.iter().flat_map(Listener::destinations))
        .chain(request.wanted.named());
    Ok(Plan {
        subject,
        run: run(nonce),
        nonce,
        destinations: distinct(destinations),
        profile: request.wanted.profile.clone(),
        measures_cpu: request.measures_cpu,
    })
}

/// Attempted from a network of the sandbox's own, to show by structure that there is no way.
pub fn documentation() -> impl Iterator<Item = Destination> {
    DOCUMENTATION.iter().map(|&address| at(address, 443, Purpose::Documentation))
}

impl Plan {
    /// The same, where sockets of the machine's turned out to be in the sandbox.
    #[must_use]
    pub fn with_sockets(self, sockets: Vec<String>) -> Self {
        let of_socket = |name| {
            let target = Target { name, ..Target::at(0, Ipv4Addr::UNSPECIFIED.into(), 0, Protocol::Socket) };
            Destination { target, purpose: Purpose::HostSocket, named: false }
        };
        let sockets = sockets.into_iter().map(of_socket);
        Self { destinations: distinct(self.destinations.into_iter().chain(sockets)), ..self }
    }
}

fn at(address: IpAddr, port: u16, purpose: Purpose) -> Destination {
    Destination { target: Target::at(0, address, port, Protocol::Tcp), purpose, named: false }
}

/// What the bundle says counts only if the runtime is not told otherwise: `--network=host` shares the machine's.
fn network(request: &Request, subject: &Subject) -> Network {
    let Subject::Sandbox { runtime, .. } = subject else { return Network::Shared };
    let mut words = runtime.iter().map(|word| word.trim_start_matches('-'));
    let told = words.by_ref().find_map(|word| word.strip_prefix("network")).map(|rest| match rest {
        "" => words.next().unwrap_or_default(),
        rest => rest.trim_start_matches('='),
    });
    match told {
        None | Some("none" | "sandbox") => request.network,
        Some(_) => Network::Shared,
    }
}

fn subject(request: &Request) -> Result<Subject, Error> {
    let bundle = request.bundle.clone();
    let words = match (&request.runtime, &request.installed) {
        (Some(words), _) => words.clone(),
        (None, Some(runsc)) => vec![runsc.to_string_lossy().into_owned()],
        (None, None) if bundle.is_some() => return Err(Error::BundleWithoutRuntime),
        (None, None) => return Ok(Subject::Unsandboxed),
    };
    let runtime = if bundle.is_none() { without_network(words) } else { words };
    let runtime = if request.rootless { without_root(runtime) } else { runtime };
    Ok(Subject::Sandbox { runtime, bundle })
}

/// runsc is told that a bundle of our own has no network, unless the user says what network it has: it would look for one
/// in the empty namespace, and releases before 2025 refuse to on new kernels.
fn without_network(words: Vec<String>) -> Vec<String> {
    telling_runsc(words, "network", "--network=none")
}

/// runsc is told that it has no root, unless the user says whether it has: it then makes a user namespace for itself, in which
/// it maps nobody but the user, so that it needs no newuidmap (gVisor, `runsc/specutils/namespace.go`, `MaybeRunAsRoot`).
fn without_root(words: Vec<String>) -> Vec<String> {
    telling_runsc(words, "rootless", "--rootless")
}

fn telling_runsc(mut words: Vec<String>, flag: &str, word: &str) -> Vec<String> {
    let is_runsc = words.first().is_some_and(|program| {
        Path::new(program).file_name().is_some_and(|name| name.to_string_lossy().starts_with("runsc"))
    });
    let is_told = words.iter().any(|word| word.trim_start_matches('-').starts_with(flag));
    if is_runsc && !is_told {
        words.push(word.to_owned());
    }
    words
}

/// What a probe is to look at: everything, but what takes all processors only where it is asked for.
pub(crate) fn observers(measures_cpu: bool) -> Vec<Observer> {
    let wanted = |observer: &Observer| measures_cpu || *observer != Observer::ProcessorShare;
    Observer::ALL.iter().copied().filter(wanted).collect()
}

/// The name of everything that a run creates.
pub(crate) fn run(Nonce(bytes): Nonce) -> String {
    let name = bytes.iter().take(4).map(|byte| format!("{byte:02x}"));
    format!("podproof-{}", name.collect::<String>())
}

impl Listener {
    /// By TCP, by UDP with an answer and without, at each of its addresses.
    fn destinations(&self) -> impl Iterator<Item = Destination> {
        self.addresses.iter().enumerate().flat_map(|(index, &address)| {
            let ways = [
                (Protocol::Tcp, self.tcp, Some(self.token)),
                (Protocol::Udp, self.udp, Some(self.token)),
                (Protocol::OneWay, self.udp, Some(token_for_address(self.one_way, index))),
                (Protocol::Echo, 0, None),
            ];
            ways.map(|(protocol, port, token)| Destination {
                target: Target { token, ..Target::at(0, address, port, protocol) },
                purpose: Purpose::Listener,
                named: false,
            })
        })
    }
}

/// The same mark for another address.
pub(crate) fn token_for_address(Nonce(mut mark): Nonce, index: usize) -> Nonce {
    let [.., last] = &mut mark;
    *last = u8::try_from(index).unwrap_or(u8::MAX);
    Nonce(mark)
}

/// The mark for the address that another mark is for.
pub(crate) fn token_for_address_of(mark: Nonce, Nonce([.., index]): Nonce) -> Nonce {
    token_for_address(mark, index.into())
}

impl Plan {
    /// What the probe is told.
    pub fn assignment(&self) -> Assignment {
        Assignment {
            nonce: self.nonce,
            observers: observers(self.measures_cpu),
            targets: self.destinations.iter().map(|destination| destination.target.clone()).collect(),
            budget: BUDGET,
        }
    }

    /// What the controller tries itself, at the same time: its own listener, and what the user named. `one_way` is by what its
    /// own datagrams are known.
    pub fn control(&self, one_way: Nonce) -> (Vec<Target>, Budget) {
        let tried =
            |destination: &&Destination| destination.named || destination.purpose == Purpose::Listener;
        let targets = self.destinations.iter().filter(tried).map(|destination| {
            let target = destination.target.clone();
            let token = match target.protocol {
                Protocol::OneWay => target.token.map(|mark| token_for_address_of(one_way, mark)),
                _ => target.token,
            };
            Target { token, ..target }
        });
        (targets.collect(), Budget { again: BUDGET.egress, ..BUDGET })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purposes(request: &Request) -> Vec<Purpose> {
        let plan = local(request, Nonce([7; 16])).unwrap();
        plan.destinations.iter().map(|destination| destination.purpose).collect()
    }

    #[test]
    fn without_runsc_there_is_no_sandbox_and_nothing_is_sent_outside_unasked() {
        let request = Request::default();
        assert_eq!(local(&request, Nonce([7; 16])).unwrap().subject, Subject::Unsandboxed);
        assert_eq!(purposes(&request), [Purpose::LoopbackListener]);
    }

    #[test]
    fn a_bundle_is_never_judged_without_a_runtime() {
        let request = Request { bundle: Some("/srv/bundle".into()), ..Request::default() };
        assert_eq!(local(&request, Nonce([7; 16])).unwrap_err(), Error::BundleWithoutRuntime);
    }

    #[test]
    fn the_installed_runsc_is_taken_and_a_named_runtime_preferred() {
        let installed = Request {
            installed: Some("/usr/bin/runsc".into()),
            network: Network::Fresh,
            ..Request::default()
        };
        let named = Request { runtime: Some(vec!["runc".into()]), ..installed.clone() };
        let runtime = |request: &Request| match local(request, Nonce([7; 16])).unwrap().subject {
            Subject::Sandbox { runtime, .. } => runtime,
            Subject::Unsandboxed | Subject::Pods { .. } => panic!("no sandbox"),
        };
        assert_eq!(runtime(&installed), ["/usr/bin/runsc", "--network=none"]);
        assert_eq!(runtime(&named), ["runc"]);
        let of_the_user = Request { bundle: Some("/srv/bundle".into()), ..installed.clone() };
        assert_eq!(runtime(&of_the_user), ["/usr/bin/runsc"]);
        let told =
            Request { runtime: Some(vec!["runsc".into(), "-network=host".into()]), ..installed.clone() };
        assert_eq!(runtime(&told), ["runsc", "-network=host"]);
        let ordinary = |request: &Request| runtime(&Request { rootless: true, ..request.clone() });
        assert_eq!(ordinary(&installed), ["/usr/bin/runsc", "--network=none", "--rootless"]);
        assert_eq!(ordinary(&of_the_user), ["/usr/bin/runsc", "--rootless"]);
        assert_eq!(ordinary(&named), ["runc"]);
        let told = Request { runtime: Some(vec!["runsc".into(), "--rootless=false".into()]), ..told };
        assert_eq!(ordinary(&told), ["runsc", "--rootless=false", "--network=none"]);
    }

    #[test]
    fn the_outside_is_tried_only_from_a_network_of_the_sandboxs_own() {
        let outside = |network, words: &[&str], defaults| {
            let words = words.iter().map(|&word| word.to_owned()).collect();
            let wanted = Wanted { defaults, ..Wanted::default() };
            purposes(&Request { runtime: Some(words), network, wanted, ..Request::default() }).len() - 1
        };
        let (documentation, all) = (2, 2 + defaults::destinations().count());
        assert_eq!(outside(Network::Fresh, &["runc"], true), all);
        assert_eq!(outside(Network::Joined, &["runsc", "-network", "sandbox"], true), all);
        assert_eq!(outside(Network::Fresh, &["runsc", "--network=none"], false), documentation);
        assert_eq!(outside(Network::Joined, &["runc"], false), 0);
        assert_eq!(outside(Network::Shared, &["runc"], true), 0);
        assert_eq!(outside(Network::Fresh, &["runsc", "--network=host"], true), 0);
        assert_eq!(outside(Network::Fresh, &["runsc", "-network", "host"], true), 0);
    }

    fn with_a_listener() -> Plan {
        let listener = Listener {
            addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            tcp: 9001,
            udp: 9002,
            token: Nonce([1; 16]),
            one_way: Nonce([2; 16]),
        };
        let address = Ipv4Addr::LOCALHOST.into();
        let named = Named { address, port: 9, protocol: Protocol::Tcp, purpose: Purpose::Requested };
        let wanted = Wanted { named: vec![named], ..Wanted::default() };
        let runtime = Some(vec!["runc".into()]);
        let network = Network::Joined;
        let request = Request { runtime, network, wanted, listener: Some(listener), ..Request::default() };
        local(&request, Nonce([7; 16])).unwrap()
    }

    #[test]
    fn the_control_tries_the_listener_and_what_was_named_and_nothing_else() {
        let (targets, budget) = with_a_listener().control(Nonce([3; 16]));
        let ways: Vec<_> = targets.iter().map(|target| (target.port, target.protocol.id())).collect();
        let listener = [(9001, "tcp"), (9002, "udp"), (9002, "one-way"), (0, "icmp")];
        assert_eq!(ways, [&listener[..], &listener, &[(9, "tcp")]].concat());
        let marks = [targets[2].token, targets[6].token].map(|mark| mark.unwrap().0);
        assert_eq!(marks.map(|mark| (mark[0], mark[15])), [(3, 0), (3, 1)]);
        assert_eq!(budget.again, budget.egress);
    }

    #[test]
    fn the_assignment_has_every_observer_and_each_target_once() {
        let plan = with_a_listener();
        let assignment = plan.assignment();
        let measuring = Plan { measures_cpu: true, ..plan.clone() };
        assert_eq!(measuring.assignment().observers, Observer::ALL);
        assert!(!assignment.observers.contains(&Observer::ProcessorShare));
        assert_eq!(assignment.observers.len() + 1, Observer::ALL.len());
        let count = u32::try_from(plan.destinations.len()).unwrap();
        let ids: Vec<_> = assignment.targets.iter().map(|target| target.id).collect();
        assert_eq!(ids, (1..=count).collect::<Vec<_>>());
        assert_eq!(plan.run, "podproof-07070707");
    }
    #[test]
    fn a_mounted_socket_is_one_target_more_and_the_others_keep_their_numbers() {
        let plan = with_a_listener();
        let sockets = ["/run/docker.sock", "/run/crio/crio.sock"].map(str::to_owned).to_vec();
        let more = plan.clone().with_sockets(sockets);
        let (known, new) = more.destinations.split_at(plan.destinations.len());
        assert_eq!(known, plan.destinations);
        let names: Vec<_> = new.iter().map(Destination::name).collect();
        assert_eq!(names, ["the socket /run/docker.sock", "the socket /run/crio/crio.sock"]);
    }
}
