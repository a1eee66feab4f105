//! What a local run is to do, decided before anything is touched. A namespace's is [`namespace`]'s.

pub mod namespace;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use proto::{Assignment, Budget, Nonce, Observer, Protocol, Target};

use crate::case::{Destination, Limits, Purpose, Subject};

/// The limits of a bundle of our own: enough for every release of runsc, and little enough to differ from any machine's.
pub const LIMITS: Limits = Limits { memory: Some(256 << 20), cpu_millis: Some(2000) };

/// For each observer, and for all attempts together.
const BUDGET: Budget = Budget { observer: Duration::from_secs(2), egress: Duration::from_secs(3) };

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
}

/// What was asked for, as far as it shapes the plan.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `--runtime`, as words.
    pub runtime: Option<Vec<String>>,
    /// `--bundle`.
    pub bundle: Option<PathBuf>,
    /// `--egress-target`, each with whether the controller reached it.
    pub named: Vec<(SocketAddr, bool)>,
    /// runsc, where it is on the machine.
    pub installed: Option<PathBuf>,
    /// Whether the sandbox is given a network namespace that is made for it.
    pub own_network: bool,
    /// The port of the controller's listener on the loopback address.
    pub witness: u16,
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
    let witness = (SocketAddr::new(Ipv4Addr::LOCALHOST.into(), request.witness), Purpose::LoopbackWitness);
    let shut_in = subject != Subject::Unsandboxed && request.own_network;
    let documentation: &[IpAddr] = if shut_in { &DOCUMENTATION } else { &[] };
    let documentation =
        documentation.iter().map(|&address| (SocketAddr::new(address, 443), Purpose::Documentation));
    let named = request
        .named
        .iter()
        .map(|&(address, reached_by_control)| (address, Purpose::Named { reached_by_control }));
    let destinations = std::iter::once(witness).chain(documentation).chain(named);
    let destinations = (1..).zip(destinations).map(|(id, (address, purpose))| Destination {
        target: Target { id, address: address.ip(), port: address.port(), protocol: Protocol::Tcp },
        purpose,
    });
    Ok(Plan { subject, run: run(nonce), nonce, destinations: destinations.collect() })
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
    Ok(Subject::Sandbox { runtime, bundle })
}

/// runsc is told that a bundle of our own has no network, unless the user says what network it has: it would look for one
/// in the empty namespace, and releases before 2025 refuse to on new kernels.
fn without_network(mut words: Vec<String>) -> Vec<String> {
    let is_runsc = words.first().is_some_and(|program| {
        Path::new(program).file_name().is_some_and(|name| name.to_string_lossy().starts_with("runsc"))
    });
    let is_told = words.iter().any(|word| word.trim_start_matches('-').starts_with("network"));
    if is_runsc && !is_told {
        words.push("--network=none".to_owned());
    }
    words
}

/// The name of everything that a run creates.
pub(crate) fn run(Nonce(bytes): Nonce) -> String {
    let name = bytes.iter().take(4).map(|byte| format!("{byte:02x}"));
    format!("podproof-{}", name.collect::<String>())
}

impl Plan {
    /// What the probe is told.
    pub fn assignment(&self) -> Assignment {
        Assignment {
            nonce: self.nonce,
            observers: Observer::ALL.to_vec(),
            targets: self.destinations.iter().map(|destination| destination.target).collect(),
            budget: BUDGET,
        }
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
        assert_eq!(purposes(&request), [Purpose::LoopbackWitness]);
    }

    #[test]
    fn a_bundle_is_never_judged_without_a_runtime() {
        let request = Request { bundle: Some("/srv/bundle".into()), ..Request::default() };
        assert_eq!(local(&request, Nonce([7; 16])).unwrap_err(), Error::BundleWithoutRuntime);
    }

    #[test]
    fn the_installed_runsc_is_taken_and_a_named_runtime_preferred() {
        let installed =
            Request { installed: Some("/usr/bin/runsc".into()), own_network: true, ..Request::default() };
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
        assert_eq!(purposes(&installed).len(), 3);
        assert_eq!(purposes(&Request { own_network: false, ..installed }).len(), 1);
    }

    #[test]
    fn the_assignment_has_every_observer_and_each_target_once() {
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 9);
        let request = Request { named: vec![(address, true)], ..Request::default() };
        let plan = local(&request, Nonce([7; 16])).unwrap();
        let assignment = plan.assignment();
        assert_eq!(assignment.observers, Observer::ALL);
        assert_eq!(assignment.targets.iter().map(|target| target.id).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(plan.run, "podproof-07070707");
    }
}
