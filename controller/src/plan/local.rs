//! The plan of a run on this machine: its sandbox, and the addresses that its probe tries.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    time::Duration,
};

use proto::{Assignment, Budget, Nonce, Protocol, Target};

use super::{
    Wanted, defaults, observers, run_name, token_for_address, token_for_address_of, wanted::distinct,
};
use crate::case::{
    Subject,
    destination::{Destination, Purpose},
    limits::Limits,
    profile::Profile,
    rounds::Rounds,
};

/// Limits of the controller's own bundle: enough for every release of runsc, and less than any machine has.
pub const LIMITS: Limits = Limits { memory: Some(256 << 20), cpu_millis: Some(2000), pids: None };

/// Time for each observer.
const OBSERVER: Duration = Duration::from_secs(2);
/// Time for all attempts of a round together.
const ROUND: Duration = Duration::from_secs(3);

/// Addresses reserved for documentation (RFC 5737, RFC 3849). Without a route the kernel refuses them at once.
const DOCUMENTATION: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// The plan of a run on this machine.
#[derive(Clone, Debug)]
pub struct LocalPlan {
    /// The sandbox, or the machine without a sandbox.
    pub subject: Subject,
    /// The name that every object of the run bears.
    pub run: String,
    /// The nonce that binds the evidence to the run.
    pub nonce: Nonce,
    /// Destinations that the probe tries.
    pub destinations: Vec<Destination>,
    /// The profile of the destinations that may be reached.
    pub profile: Profile,
    /// The rounds in which the destinations are tried.
    pub rounds: Rounds,
    /// True if the probe measures its share of processor time.
    pub measures_cpu: bool,
}

/// Settings and facts of the machine that the plan depends on.
#[derive(Clone, Debug, Default)]
pub struct LocalPlanRequest {
    /// The value of `--runtime`, as words; `None` without the flag.
    pub runtime: Option<Vec<String>>,
    /// The value of `--bundle`; `None` without the flag.
    pub bundle: Option<PathBuf>,
    /// The running container of `--container` with its runtime; `None` without the flag.
    pub container: Option<Container>,
    /// Settings of the network.
    pub wanted: Wanted,
    /// The rounds of attempts.
    pub rounds: Rounds,
    /// Set by `--measure-cpu`.
    pub measures_cpu: bool,
    /// True if the user is not root.
    pub rootless: bool,
    /// The path of runsc; `None` if it is not on PATH.
    pub installed: Option<PathBuf>,
    /// The network that the bundle asks for.
    pub network: Network,
    /// The port of the controller's listener on the loopback address; it counts only if there are attempts.
    pub loopback_listener: u16,
    /// The controller's listener on the machine's other addresses; `None` if the sandbox cannot be connected to them.
    pub listener: Option<Listener>,
}

/// A container that already runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Container {
    /// The runtime's program and its arguments, by which the container was found.
    pub runtime: Vec<String>,
    /// The container's id.
    pub id: String,
}

/// The network of a sandbox.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Network {
    /// The machine's own network, or one that cannot be told.
    #[default]
    Shared,
    /// A new and empty network namespace.
    Fresh,
    /// An existing network namespace other than the machine's.
    Joined,
}

/// The controller's listener beyond the loopback address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listener {
    /// The machine's own addresses.
    pub addresses: Vec<IpAddr>,
    /// The TCP port of the listener.
    pub tcp: u16,
    /// The UDP port of the listener.
    pub udp: u16,
    /// The token in the listener's answers.
    pub token: Nonce,
    /// The token in the sandbox's datagrams that need no answer; its last byte is the address's index.
    pub one_way: Nonce,
}

/// An error of planning a run on this machine.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum LocalPlanError {
    /// A bundle without a runtime to run it.
    #[error("there is no runsc on PATH to run the bundle")]
    BundleWithoutRuntime,
}

/// Plans a run on this machine. A sandbox with a network namespace of its own is also asked for addresses outside, to which
/// it should have no route. If the sandbox may share the machine's network, nothing is sent outside unasked.
pub fn plan(request: &LocalPlanRequest, nonce: Nonce) -> Result<LocalPlan, LocalPlanError> {
    let subject = subject(request)?;
    let loopback = at(Ipv4Addr::LOCALHOST.into(), request.loopback_listener, Purpose::LoopbackListener);
    let network = if subject == Subject::Unsandboxed { Network::Shared } else { network(request, &subject) };
    let shut_in = network != Network::Shared;
    // An existing network may lead outside, and then nothing is sent there unasked.
    let defaults = defaults::destinations().filter(|_| request.wanted.defaults);
    let documented = request.wanted.defaults || network == Network::Fresh;
    let outside = documentation().filter(|_| documented).chain(defaults);
    let destinations = std::iter::once(loopback)
        .chain(outside.filter(|_| shut_in))
        .chain(request.listener.iter().flat_map(Listener::destinations))
        .chain(request.wanted.named(false));
    Ok(LocalPlan {
        subject,
        run: run_name(nonce),
        nonce,
        destinations: if request.rounds == Rounds::None { Vec::new() } else { distinct(destinations) },
        profile: request.wanted.profile.clone(),
        rounds: request.rounds,
        measures_cpu: request.measures_cpu,
    })
}

/// Returns the addresses that a sandbox with a network of its own tries, to show that it has no route outside.
pub fn documentation() -> impl Iterator<Item = Destination> {
    DOCUMENTATION.iter().map(|&address| at(address, 443, Purpose::Documentation))
}

impl LocalPlan {
    /// Adds the machine's sockets that turned out to be in the sandbox. A run without attempts tries none of them: then they are
    /// returned beside the plan.
    #[must_use]
    pub fn with_sockets(self, sockets: Vec<String>) -> (Self, Vec<String>) {
        if self.rounds == Rounds::None {
            return (self, sockets);
        }
        let of_socket = |name| {
            let target = Target { name, ..Target::at(0, Ipv4Addr::UNSPECIFIED.into(), 0, Protocol::Socket) };
            Destination { target, purpose: Purpose::HostSocket, named: false }
        };
        let sockets = sockets.into_iter().map(of_socket);
        (Self { destinations: distinct(self.destinations.into_iter().chain(sockets)), ..self }, Vec::new())
    }
}

fn at(address: IpAddr, port: u16, purpose: Purpose) -> Destination {
    Destination { target: Target::at(0, address, port, Protocol::Tcp), purpose, named: false }
}

/// Returns the network by the runtime's words: `--network=host` shares the machine's, whatever the bundle asks for.
fn network(request: &LocalPlanRequest, subject: &Subject) -> Network {
    let runtime = match subject {
        Subject::Sandbox { runtime, .. } => runtime,
        // The namespace of the container itself is known.
        Subject::Container { .. } => return request.network,
        Subject::Unsandboxed | Subject::Pods { .. } => return Network::Shared,
    };
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

fn subject(request: &LocalPlanRequest) -> Result<Subject, LocalPlanError> {
    if let Some(Container { runtime, id }) = request.container.clone() {
        return Ok(Subject::Container { runtime, id });
    }
    let bundle = request.bundle.clone();
    let words = match (&request.runtime, &request.installed) {
        (Some(words), _) => words.clone(),
        (None, Some(runsc)) => vec![runsc.to_string_lossy().into_owned()],
        (None, None) if bundle.is_some() => return Err(LocalPlanError::BundleWithoutRuntime),
        (None, None) => return Ok(Subject::Unsandboxed),
    };
    let runtime = if bundle.is_none() { without_network(words) } else { words };
    let runtime = if request.rootless { without_root(runtime) } else { runtime };
    Ok(Subject::Sandbox { runtime, bundle })
}

/// Tells runsc that the controller's own bundle has no network, unless the user chose one. Otherwise runsc would look for a
/// network in the empty namespace, and releases before 2025 refuse to on new kernels.
fn without_network(words: Vec<String>) -> Vec<String> {
    telling_runsc(words, "network", "--network=none")
}

/// Tells runsc to run without root, unless the user chose. runsc then makes a user namespace for itself and maps the user
/// alone, so that it needs no newuidmap (gVisor, `runsc/specutils/namespace.go`, `MaybeRunAsRoot`).
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

impl Listener {
    /// Returns a destination for each address and each way: TCP, UDP with an answer and without, and echo.
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

impl LocalPlan {
    /// Returns the probe's assignment.
    pub fn assignment(&self) -> Assignment {
        Assignment {
            nonce: self.nonce,
            observers: observers(self.measures_cpu),
            targets: self.destinations.iter().map(|destination| destination.target.clone()).collect(),
            budget: self.budget(),
        }
    }

    const fn budget(&self) -> Budget {
        Budget { observer: OBSERVER, egress: ROUND, again: self.rounds.again() }
    }

    /// Returns the targets that the controller itself tries at the same time, in the same rounds: its own listener, and the targets that the user
    /// named. `one_way` is the token of its own datagrams.
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
        (targets.collect(), self.budget())
    }
}

#[cfg(test)]
mod tests;
