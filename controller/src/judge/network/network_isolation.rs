//! Nothing can be reached but what the profile allows. "Nothing answered" proves that only where there is no way out at all,
//! or where an answer was possible: a control, on this machine the controller and in a cluster a pod without the workload's
//! bonds, shows what could be reached.

pub(in crate::judge) mod attempted;
pub(super) mod class;
pub(super) mod control;
pub(super) mod structure;

use crate::case::{Case, Citation, destination::Purpose, profile::Expectation};
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};
use attempted::Attempted;

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "network-isolation",
    title: "The sandbox can reach nothing over the network",
    area: Area::Network,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: true,
    weight: 25,
    protects: "Code with a way out can carry data away, fetch more code, and ask the metadata service for credentials.",
    remedy: "Give the sandbox no network (`runsc --network=none`, or an empty network namespace); on Kubernetes apply a \
             default-deny NetworkPolicy, and use a CNI plugin that implements it. What the workload must reach is said by \
             `--profile allow-list --allow HOST[:PORT]`.",
    explanation: Explanation {
        looks_at: &["interfaces", "routes", "egress", "control"],
        met: "there is no way out at all, or nothing was reached that a control reached",
        unmet: "something was reached that must not be",
        inconclusive: "nothing was reached, and nothing shows that an answer was possible",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &["KAR-0020"],
    judge: Judge::Case(judge),
};

pub(super) fn judge(case: &Case) -> Judgement {
    let attempted = attempted::all(case);
    let cited = |judgement: Judgement| judgement.citing_all(attempted.iter().map(Attempted::cited));
    let group = case.surroundings.in_cluster.as_ref().map(|known| &known.group);
    if let Some(pod_view) = group.and_then(|group| group.in_the_nodes_network()) {
        return cited(Judgement::unmet(format!("{} is in the node's own network", pod_view.origin.title())));
    }
    if let Some(leak) = attempted.iter().find(|it| it.is_leak()) {
        return cited(Judgement::unmet(reached(leak.destination.purpose)));
    }
    let missed = |it: &&Attempted<'_>| it.expectation == Expectation::Required && !it.got_through();
    let missed: Vec<_> = attempted.iter().filter(missed).collect();
    if let Some(it) = missed.iter().find(|it| it.control_reached()) {
        let name = it.destination.name();
        return cited(Judgement::unmet(format!(
            "{name} must be reached, and was not; the control reached it"
        )));
    }
    if let Some(it) = missed.first() {
        let name = it.destination.name();
        return cited(Judgement::inconclusive(format!(
            "{name} must be reached, and was not; nothing shows that it answers anybody"
        )));
    }
    if let Some(place) = case.surroundings.untried_sockets.first() {
        return cited(Judgement::inconclusive(format!(
            "a socket of the machine's may lie at or below {place}, and was not tried; mount what the workload needs and \
             nothing else"
        )));
    }
    match shown(case, &attempted) {
        Ok((because, citations)) => cited(Judgement::met(because)).citing_all(citations),
        Err(why) => cited(Judgement::inconclusive(why)),
    }
}

/// What shows that nothing could be reached, with the sentence that it comes to; `Err` says why nothing shows it.
pub(super) fn shown(
    case: &Case,
    attempted: &[Attempted<'_>],
) -> Result<(&'static str, Vec<Citation>), String> {
    structure::whole(case, attempted)?;
    match structure::shows(case, attempted) {
        Ok(citations) => Ok((
            "there is no interface but loopback and no route, and every attempt was unreachable",
            citations,
        )),
        Err(why) => {
            let citations = control::shows(case, attempted, &why)?;
            let because = if case.surroundings.in_cluster.is_some() {
                "nothing was reached, and a pod without these bonds reached the same listener from the same node"
            } else {
                "nothing was reached, and the controller reached the same listener and more from beside the sandbox"
            };
            Ok((because, citations))
        }
    }
}

/// What it means that something was reached.
const fn reached(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::LoopbackListener => {
            "it shares the machine's network: a listener on the machine's loopback was reached"
        }
        Purpose::Listener => "a listener in another namespace was reached: egress is open",
        Purpose::PublicInternet => "the public internet was reached",
        Purpose::PublicDns => "a name server of the public internet was reached",
        Purpose::OwnResolver => {
            "its own resolver answers: what asks for arbitrary names carries data out; a name server that it needs \
             is named by `--profile allow-list --allow ADDRESS:53`"
        }
        Purpose::Metadata => "a metadata service was reached: it gives credentials to whoever asks",
        Purpose::ClusterDns => {
            "the cluster's DNS was reached: a resolver that answers arbitrary names carries data out; if the workload \
             needs it, say so by `--profile allow-list --allow ADDRESS:53`"
        }
        Purpose::ApiServer => "the cluster's API server was reached",
        Purpose::Kubelet => "the kubelet of the node was reached",
        Purpose::Node => "the node was reached",
        Purpose::Neighbour => "another pod of the namespace was reached",
        Purpose::HostSocket => {
            "a socket of the machine's takes connections: whoever listens there is reached without a network"
        }
        Purpose::Documentation | Purpose::Requested | Purpose::Allowed => {
            "an address outside of the sandbox was reached"
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::{Interface, Observation, Reach, Route};

    use super::*;
    use crate::{
        case::profile::{Allowed, Kind, Profile},
        fixture,
        judge::requirement::Outcome,
    };

    #[test]
    fn a_sandbox_without_a_way_out_is_met() {
        let judgement = judge(&fixture::gvisor());
        assert_eq!(judgement.outcome, Outcome::Met);
        assert!(judgement.citations.len() >= 3);
    }

    #[test]
    fn anything_reached_is_unmet_whatever_else_was_seen() {
        for (position, reach) in [
            (0, Reach::Reached),
            (1, Reach::Reached),
            (0, Reach::Reset),
            (1, Reach::Reset),
            (1, Reach::Another),
        ] {
            let mut case = fixture::gvisor();
            fixture::attempts(&mut case)[position].reach = reach;
            case.collected.evidence.interfaces = Observation::TimedOut;
            assert_eq!(judge(&case).outcome, Outcome::Unmet);
        }
    }

    #[test]
    fn a_socket_of_the_machines_is_a_way_out_where_it_takes_connections_and_else_says_nothing() {
        for (reach, expected) in [
            (Reach::Reached, "unmet"),
            (Reach::Refused, "met"),
            (Reach::NoSocket, "met"),
            (Reach::NotPermitted, "met"),
        ] {
            let mut case = fixture::with_socket(fixture::gvisor(), reach);
            assert_eq!(fixture::told(&judge(&case)), expected, "{reach:?}");
            case.surroundings.profile = Profile { kind: Kind::NoPrivate, allowed: Vec::new() };
            assert_eq!(fixture::told(&judge(&case)), expected, "{reach:?}");
        }
    }

    #[test]
    fn sockets_that_were_not_tried_leave_it_open() {
        let mut case = fixture::gvisor();
        case.surroundings.untried_sockets.push("/data".into());
        assert_eq!(fixture::told(&judge(&case)), "open");
        fixture::attempts(&mut case)[1].reach = Reach::Reached;
        assert_eq!(fixture::told(&judge(&case)), "unmet");
    }

    #[test]
    fn silence_without_a_control_proves_nothing() {
        for reach in [
            Reach::TimedOut,
            Reach::Refused,
            Reach::NotPermitted,
            Reach::Failed,
            Reach::NetworkUnreachable,
            Reach::Prohibited,
        ] {
            let mut case = fixture::gvisor();
            fixture::attempts(&mut case)[1].reach = reach;
            assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "{reach:?}");
        }
        for reach in [Reach::TimedOut, Reach::NotPermitted, Reach::Failed] {
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
            case.surroundings.destinations.remove(attempt);
            cases.push(case);
        }
        for case in cases {
            assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)), "{case:?}");
        }
    }

    /// The second destination is one that the user allowed.
    fn allowing(case: &mut Case) {
        let destination = &mut case.surroundings.destinations[1];
        destination.purpose = Purpose::Allowed;
        let allowed =
            Allowed { address: destination.target.address, prefix: 32, port: Some(443), protocol: None };
        case.surroundings.profile = Profile { kind: Kind::AllowList, allowed: vec![allowed] };
    }

    #[test]
    fn what_must_be_reached_and_is_not_is_unmet_where_the_control_reached_it() {
        let mut case = fixture::gvisor();
        allowing(&mut case);
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
        let reached = proto::Attempt { reach: Reach::Reached, ..fixture::attempts(&mut case)[1] };
        case.surroundings.control = crate::case::Control::Tried(vec![reached]);
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn what_must_be_reached_and_is_not_leaves_the_rest_shown_to_be_closed() {
        let mut case = fixture::pod();
        let required = &mut case.surroundings.destinations[2];
        required.purpose = Purpose::Allowed;
        let allowed =
            Allowed { address: required.target.address, prefix: 32, port: Some(443), protocol: None };
        case.surroundings.profile = Profile { kind: Kind::AllowList, allowed: vec![allowed] };
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
        for requirement in ["policies-enforced", "closed-from-the-start"] {
            let requirement = crate::judge::catalogue::ALL.iter().find(|it| it.id == requirement).unwrap();
            assert_eq!(fixture::judged(requirement, &case).outcome, Outcome::Met, "{}", requirement.id);
        }
    }

    #[test]
    fn what_may_be_reached_is_no_leak() {
        let mut case = fixture::gvisor();
        fixture::attempts(&mut case)[1].reach = Reach::Reached;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
        allowing(&mut case);
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn what_arrived_one_way_or_was_reached_only_at_first_is_a_leak() {
        let mut case = fixture::gvisor();
        case.surroundings.arrived = vec![2];
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
        let mut case = fixture::gvisor();
        fixture::attempts(&mut case)[1].again = Some(Reach::Reached);
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn an_answer_of_somebody_else_is_a_leak_all_the_same() {
        let mut case = fixture::gvisor();
        fixture::attempts(&mut case)[1].reach = Reach::Another;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }
}
