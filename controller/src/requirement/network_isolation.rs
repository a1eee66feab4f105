//! Nothing can be reached. "Nothing answered" proves that only where an answer was possible, or where there is no way out
//! at all: no interface but loopback, no route, every attempt unreachable, and the machine's own loopback
//! listener out of reach. In a cluster a control, a pod without the workload's bonds, shows what was possible.

mod control;

use proto::{Attempt, Interface, Reach};

use super::{Area, Class, Explanation, Judgement, NETWORK_ON_PLATFORMS, Requirement, Scope};
use crate::case::{Case, Destination, Purpose};

pub(super) const REQUIREMENT: Requirement = Requirement {
    id: "network-isolation",
    title: "The sandbox can reach nothing over the network",
    area: Area::Network,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: true,
    weight: 25,
    protects: "Code with a way out can carry data away, fetch more code, and ask the metadata service for credentials.",
    remedy: "Give the sandbox no network (`runsc --network=none`, or an empty network namespace); on Kubernetes apply a \
             default-deny NetworkPolicy, and use a CNI plugin that implements it.",
    explanation: Explanation {
        looks_at: &["interfaces", "routes", "egress", "control"],
        met: "there is no way out at all, or nothing was reached that a control reached",
        unmet: "something was reached that must not be",
        inconclusive: "nothing was reached, and nothing shows that an answer was possible",
        on_platforms: NETWORK_ON_PLATFORMS,
    },
    mappings: &["KAR-0020"],
    judge,
};

pub(super) fn judge(case: &Case) -> Judgement {
    let attempts = attempts(case);
    let cited = |judgement: Judgement| {
        attempts.iter().fold(judgement, |judgement, (destination, attempt)| {
            judgement.citing("egress", format!("{}: {}", destination.name(), describe(destination, attempt)))
        })
    };
    let group = case.survey.in_cluster.as_ref().map(|known| &known.group);
    if let Some(shape) = group.and_then(|group| group.in_the_nodes_network()) {
        return cited(Judgement::unmet(format!("{} is in the node's own network", shape.origin.title())));
    }
    if let Some((destination, _)) = attempts.iter().find(|(_, attempt)| attempt.reach == Reach::Reached) {
        let because = match destination.purpose {
            Purpose::LoopbackWitness => {
                "it shares the machine's network: a listener on the machine's loopback was reached"
            }
            Purpose::Documentation | Purpose::Named { .. } | Purpose::Requested => {
                "an address outside of the sandbox was reached"
            }
            Purpose::Witness => "a listener in another namespace was reached: egress is open",
            Purpose::ClusterDns => {
                "the cluster's DNS was reached: a resolver that answers arbitrary names carries data out"
            }
            Purpose::ApiServer => "the cluster's API server was reached",
            Purpose::Kubelet => "the kubelet of the node was reached",
        };
        return cited(Judgement::unmet(because));
    }
    match way_out(case, &attempts) {
        Ok(()) => {
            let because =
                "there is no interface but loopback and no route, and every attempt was unreachable";
            cited(Judgement::met(because))
                .citing("interfaces", interface_names(case))
                .citing("routes", "none but the loopback interface's")
        }
        Err(why) => match control::shows(case, &attempts, &why) {
            Ok(shown) => cited(Judgement::met(
                "nothing was reached, and a pod without these bonds reached the same listener from the same node",
            ))
            .citing_all(shown),
            Err(why) => cited(Judgement::inconclusive(why)),
        },
    }
}

/// `Err` says why the absence of a way out is not proven.
fn way_out(case: &Case, attempts: &[(&Destination, &Attempt)]) -> Result<(), String> {
    let evidence = case.evidence();
    let interfaces = evidence
        .interfaces
        .seen()
        .ok_or_else(|| format!("the interfaces were not seen: {}", evidence.interfaces.fared()))?;
    let routes = evidence
        .routes
        .seen()
        .ok_or_else(|| format!("the routes were not seen: {}", evidence.routes.fared()))?;
    if evidence.egress.seen().is_none() {
        return Err(format!("no attempt was seen: {}", evidence.egress.fared()));
    }
    if let Some(missing) = case.survey.destinations.iter().find(|wanted| !made(wanted, attempts)) {
        return Err(format!("there is no attempt on {}", missing.name()));
    }
    let beyond = |interface: &&Interface| !interface.loopback;
    if let Some(interface) = interfaces.interfaces.iter().find(beyond) {
        return Err(format!(
            "nothing was reached, but there is the interface {}, and nothing shows that an answer was possible; {}",
            interface.name,
            control::would_decide(case)
        ));
    }
    if let Some(route) = routes.routes.first() {
        return Err(format!(
            "nothing was reached, but there is a route to {} by {}",
            route.destination, route.interface
        ));
    }
    let outside = || attempts.iter().filter(|(destination, _)| !destination.target.address.is_loopback());
    if let Some((destination, attempt)) = outside().find(|(_, attempt)| !unreachable(attempt.reach)) {
        return Err(format!(
            "{} was not unreachable: {}",
            destination.name(),
            describe(destination, attempt)
        ));
    }
    if outside().next().is_none() {
        return Err("no address outside of the machine was attempted".to_owned());
    }
    let witness = attempts.iter().find(|(destination, _)| destination.purpose == Purpose::LoopbackWitness);
    match witness {
        None if case.survey.in_cluster.is_some() => Ok(()),
        None => Err("no listener of the machine's own was attempted".to_owned()),
        Some((_, attempt)) if attempt.reach == Reach::Refused || unreachable(attempt.reach) => Ok(()),
        Some((destination, attempt)) => Err(format!(
            "the machine's own listener was not out of reach: {}",
            describe(destination, attempt)
        )),
    }
}

fn made(wanted: &Destination, attempts: &[(&Destination, &Attempt)]) -> bool {
    attempts.iter().any(|(destination, _)| destination.target.id == wanted.target.id)
}

pub(super) fn attempts(case: &Case) -> Vec<(&Destination, &Attempt)> {
    let egress = case.evidence().egress.seen();
    let made = egress.into_iter().flat_map(|egress| &egress.attempts);
    made.filter_map(|attempt| {
        let asked = |destination: &&Destination| destination.target.id == attempt.target;
        Some((case.survey.destinations.iter().find(asked)?, attempt))
    })
    .collect()
}

/// The answers of a kernel that has no way to the address, as against those of something on the way.
fn unreachable(reach: Reach) -> bool {
    matches!(reach, Reach::NetworkUnreachable | Reach::HostUnreachable | Reach::NoAddressFamily)
}

fn describe(destination: &Destination, attempt: &Attempt) -> String {
    let ended = match attempt.errno {
        0 => attempt.reach.id().to_owned(),
        errno => format!("{} (errno {errno})", attempt.reach.id()),
    };
    match destination.purpose {
        Purpose::Named { reached_by_control: true } => format!("{ended}; this machine reaches it"),
        Purpose::Named { reached_by_control: false } => {
            format!("{ended}; this machine does not reach it either")
        }
        Purpose::LoopbackWitness | Purpose::Documentation | Purpose::Requested => ended,
        Purpose::Witness => format!("{ended}; the control's listener"),
        Purpose::ClusterDns => format!("{ended}; the cluster's DNS"),
        Purpose::ApiServer => format!("{ended}; the API server"),
        Purpose::Kubelet => format!("{ended}; the node's kubelet"),
    }
}

fn interface_names(case: &Case) -> String {
    let names = case.evidence().interfaces.seen().into_iter().flat_map(|interfaces| &interfaces.interfaces);
    let names: Vec<_> = names.map(|interface| interface.name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use proto::{Observation, Route};

    use super::*;
    use crate::{fixture, requirement::Outcome};

    #[test]
    fn a_sandbox_without_a_way_out_is_met() {
        let judgement = judge(&fixture::gvisor());
        assert_eq!(judgement.outcome, Outcome::Met);
        assert!(judgement.citations.len() >= 3);
    }

    #[test]
    fn anything_reached_is_unmet_whatever_else_was_seen() {
        for position in 0..2 {
            let mut case = fixture::gvisor();
            fixture::attempts(&mut case)[position].reach = Reach::Reached;
            case.collected.evidence.interfaces = Observation::TimedOut;
            assert_eq!(judge(&case).outcome, Outcome::Unmet);
        }
    }

    #[test]
    fn silence_without_a_control_proves_nothing() {
        for reach in [Reach::TimedOut, Reach::Refused, Reach::NotPermitted, Reach::Reset, Reach::Failed] {
            let mut case = fixture::gvisor();
            fixture::attempts(&mut case)[1].reach = reach;
            assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "{reach:?}");
        }
        for reach in [Reach::TimedOut, Reach::NotPermitted, Reach::Reset, Reach::Failed] {
            let mut case = fixture::gvisor();
            fixture::attempts(&mut case)[0].reach = reach;
            assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "{reach:?}");
        }
    }

    #[test]
    fn an_interface_or_a_route_leaves_it_open() {
        let mut case = fixture::gvisor();
        fixture::interfaces(&mut case).push(Interface {
            name: "eth0".into(),
            loopback: false,
            up: true,
            addresses: Vec::new(),
        });
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("eth0") && why.contains("--network=none"), "{why}");
        let mut case = fixture::gvisor();
        let Observation::Seen(routes) = &mut case.collected.evidence.routes else { panic!("no routes") };
        routes.routes.push(Route { destination: "0.0.0.0/0".into(), interface: "eth0".into() });
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn what_was_not_seen_or_not_attempted_is_never_met() {
        let mut cases = vec![fixture::silent()];
        for blind in 0..3 {
            let mut case = fixture::gvisor();
            let evidence = &mut case.collected.evidence;
            match blind {
                0 => evidence.interfaces = Observation::Crashed { signal: 31 },
                1 => evidence.routes = Observation::Denied { errno: 13 },
                _ => evidence.egress = Observation::TimedOut,
            }
            cases.push(case);
        }
        for attempt in 0..2 {
            let mut case = fixture::gvisor();
            fixture::attempts(&mut case).remove(attempt);
            cases.push(case.clone());
            case.survey.destinations.remove(attempt);
            cases.push(case);
        }
        for case in cases {
            assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "{case:?}");
        }
    }
}
