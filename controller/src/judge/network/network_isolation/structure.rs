//! Isolation by structure: the sandbox has no interface but loopback and no route, every target was unreachable, and the
//! machine's own loopback listener was out of reach.

use proto::{Interface, Interfaces, Protocol, Reach};

use super::{
    attempted::{self, Attempted},
    control,
};
use crate::{
    case::{
        Case, Citation,
        destination::{Destination, Purpose},
        rounds::Rounds,
    },
    judge::network::undecided::{Step, Undecided},
};

/// Returns what shows that there is no way out; `Err` says why nothing shows it.
pub(in crate::judge) fn shows(case: &Case, attempted: &[Attempted<'_>]) -> Result<Vec<Citation>, Undecided> {
    let evidence = case.evidence();
    let interfaces = evidence.interfaces.seen().ok_or_else(|| {
        Step::RunAgain.because(format!("the interfaces could not be read: {}", evidence.interfaces.fared()))
    })?;
    let routes = evidence.routes.seen().ok_or_else(|| {
        Step::RunAgain.because(format!("the routes could not be read: {}", evidence.routes.fared()))
    })?;
    whole(case, attempted)?;
    let beyond = |interface: &&Interface| !interface.loopback;
    if let Some(interface) = interfaces.interfaces.iter().find(beyond) {
        let has = format!("the interface {}", interface.name);
        return Err(open(case, &has, ", and nothing shows that an answer was possible"));
    }
    if let Some(route) = routes.routes.first() {
        let has = format!("a route to {} by {}", route.destination, route.interface);
        return Err(open(case, &has, ""));
    }
    if case.surroundings.rounds != Rounds::None {
        nowhere(case, attempted)?;
    }
    loopback_is_its_own(case, attempted, interfaces)?;
    let names: Vec<_> = interfaces.interfaces.iter().map(|interface| interface.name.as_str()).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Ok(vec![
        Citation { source: "interfaces", text: names },
        Citation { source: "routes", text: "none but the loopback interface's".to_owned() },
    ])
}

/// Returns the reason of a sandbox that has something by which it may leave.
fn open(case: &Case, has: &str, rest: &str) -> Undecided {
    match case.surroundings.rounds {
        Rounds::None => control::left_out(&format!("the sandbox has {has}")),
        Rounds::One | Rounds::Two(_) => {
            control::would_decide(case, &format!("the sandbox reached nothing, but it has {has}{rest}"))
        }
    }
}

/// Checks that the probe made every attempt that was asked for. An attempt that failed was not made.
pub(in crate::judge) fn whole(case: &Case, attempted: &[Attempted<'_>]) -> Result<(), Undecided> {
    let egress = &case.evidence().egress;
    if egress.seen().is_none() {
        return Err(Step::RunAgain.because(format!("no attempt was observed: {}", egress.fared())));
    }
    let made = |wanted: &Destination| attempted.iter().any(|it| it.destination.target.id == wanted.target.id);
    if let Some(missing) = case.surroundings.destinations.iter().find(|wanted| !made(wanted)) {
        return Err(Step::RunAgain.because(format!("the probe did not try {}", missing.name())));
    }
    attempted::at_their_targets(attempted)?;
    match attempted.iter().find(|it| it.failed()) {
        Some(it) => {
            let name = it.destination.name();
            Err(Step::RunAgain.because(format!("the attempt on {name} could not be made: {}", it.ended())))
        }
        None => Ok(()),
    }
}

fn nowhere(case: &Case, attempted: &[Attempted<'_>]) -> Result<(), Undecided> {
    let is_outside = |it: &&Attempted<'_>| {
        // A socket needs no network, and says nothing about one.
        let target = &it.destination.target;
        !target.address.is_loopback() && target.protocol != Protocol::Socket
    };
    let mut outside = attempted.iter().filter(is_outside).peekable();
    if outside.peek().is_none() {
        return Err(Step::NameTarget.because("the probe tried no address outside of the machine"));
    }
    match outside.find(|it| !has_no_way(it)) {
        Some(it) => Err(control::would_decide(
            case,
            &format!("the attempt on {} did not end as unreachable: {}", it.destination.name(), it.ended()),
        )),
        None => Ok(()),
    }
}

/// Checks that the sandbox does not share the machine's loopback interface. A pod shares it only with the node's whole network.
fn loopback_is_its_own(
    case: &Case,
    attempted: &[Attempted<'_>],
    interfaces: &Interfaces,
) -> Result<(), Undecided> {
    match attempted.iter().find(|it| it.destination.purpose == Purpose::LoopbackListener) {
        None if case.surroundings.in_cluster.is_some() || interfaces.interfaces.is_empty() => Ok(()),
        None if case.surroundings.rounds == Rounds::None && has_its_own_namespace(case) => Ok(()),
        None if case.surroundings.rounds == Rounds::None => Err(control::left_out(
            "the sandbox has no interface but loopback, and nothing shows that the loopback is not the machine's",
        )),
        None => Err(Step::RunAgain.because("the probe tried no listener of the machine")),
        Some(it) if ends(it).all(|reach| reach == Reach::Refused || is_without_a_way(it, reach)) => Ok(()),
        Some(it) => Err(Step::NoNetwork.because(format!(
            "the attempt on the machine's own listener did not end as unreachable: {}",
            it.ended()
        ))),
    }
}

/// True if the machine shows that the sandbox's process is in another network namespace than the controller.
fn has_its_own_namespace(case: &Case) -> bool {
    let process = case.surroundings.host_process.as_ref();
    process.is_some_and(|process| process.shared.iter().all(|kind| kind != "net"))
}

fn has_no_way(it: &Attempted<'_>) -> bool {
    ends(it).all(|reach| is_without_a_way(it, reach))
}

/// Returns the ends of the attempts that were made. A sandbox that no attempt can leave makes one round.
fn ends(it: &Attempted<'_>) -> impl Iterator<Item = Reach> {
    std::iter::once(it.attempt.reach).chain(it.attempt.again)
}

/// True for the answer of a kernel that has no way to the address; anything on the way would answer otherwise.
fn is_without_a_way(it: &Attempted<'_>, reach: Reach) -> bool {
    match reach {
        Reach::NoRoute | Reach::HostUnreachable | Reach::NoAddressFamily | Reach::NoResolver => true,
        // The kernel made no packet.
        Reach::NotPermitted => it.destination.target.protocol == Protocol::Echo,
        // A name server on the loopback address is the sandbox's own, or does not exist.
        Reach::PortUnreachable => it.destination.purpose == Purpose::OwnResolver,
        _ => false,
    }
}
