//! The judge of one class of destinations, for the requirements beneath network-isolation.
//!
//! A class has several servers, and silence is shown for each of them by itself: that the kubelet answered the control, and
//! not the sandbox, says nothing of an API server that answered neither. So each server that every cluster has needs its own
//! proof. A server that need not exist, such as another provider's metadata service, needs none where it answers nobody.
//!
//! The servers need no proof of their own where the run's own listener shows that nothing leaves the sandbox
//! ([`super::control`]). A cluster in which a server answers no pod, such as a kubelet behind a node's firewall, can be
//! ready this way.

use proto::{Protocol, Reach};

use super::{
    attempted::{self, Attempted},
    because, control,
    declared::Comparison,
    shown, structure,
};
use crate::{
    case::{Case, destination::Purpose, profile::Expectation, rounds::Rounds},
    judge::{
        network::undecided::{Step, Undecided},
        requirement::{Judgement, Outcome},
    },
};

/// A class of destinations that must not be reached.
pub(in crate::judge) struct Class {
    /// The class, as a fragment.
    pub(in crate::judge) what: &'static str,
    /// The purposes of its destinations, each with the proof that it needs.
    pub(in crate::judge) members: &'static [(Purpose, Proof)],
    /// The step that lets a run try the class; `None` if the control's state tells it.
    pub(in crate::judge) step: Option<Step>,
    /// True if a destination that the profile allows and the sandbox reached is a warning: it serves more than one workload.
    pub(in crate::judge) warns: bool,
}

/// The proof that the servers of one purpose need.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::judge) enum Proof {
    /// The control reaches every address, because each may lead to another server.
    EveryAddress,
    /// The control reaches one address, because all lead to one server.
    OneAddress,
    /// An address that answers nobody needs no proof, because the server need not exist.
    None,
    /// A further address of a server. The address needs no proof, and proves nothing of the server's other addresses.
    Further,
}

// === impl Class ===

impl Class {
    /// Returns the proof that a destination needs; `None` if the destination is of another class.
    fn proof(&self, it: &Attempted<'_>) -> Option<Proof> {
        let (_, proof) = self.members.iter().find(|(purpose, _)| *purpose == it.destination.purpose)?;
        Some(*proof)
    }
}

/// Requires that no destination of a class could be reached.
pub(in crate::judge) fn judge(case: &Case, comparison: &Comparison<'_>, class: &Class) -> Judgement {
    let Class { what, step, warns, .. } = class;
    let all = attempted::all(case);
    let belongs = |it: &&Attempted<'_>| class.proof(it).is_some();
    let of_class: Vec<_> = all.iter().filter(belongs).collect();
    let cited = |judgement: Judgement| judgement.citing_all(of_class.iter().map(|it| it.cited()));
    if let Some(leak) = of_class.iter().find(|it| it.is_leak()) {
        return cited(Judgement::unmet(because(
            case,
            leak,
            format!("the sandbox reached {} ({what})", leak.destination.name()),
        )));
    }
    if let Err(why) =
        structure::whole(case, &all).and_then(|()| control::represents_its_network(case, comparison.policy()))
    {
        return Judgement::undecided(why);
    }
    let mut counted = of_class.iter().filter(|it| class.proof(it) != Some(Proof::Further)).peekable();
    if counted.peek().is_none() {
        match structure::shows(case, &all) {
            Ok(citations) => {
                return Judgement::met("the sandbox has no way out at all").citing_all(citations);
            }
            Err(left_out) if case.surroundings.rounds == Rounds::None => {
                return Judgement::undecided(left_out);
            }
            Err(_) => (),
        }
        let why = format!("no address of {what} was tried");
        let step = step.map_or_else(|| control::would_decide(case, &why), |step| step.because(why.clone()));
        return Judgement::undecided(step);
    }
    let allowed = |it: &&&Attempted<'_>| it.expectation != Expectation::Forbidden && it.was_answered();
    let reached = of_class.iter().find(allowed).filter(|_| *warns).map(|it| {
        let because =
            format!("the sandbox reached {} ({what}), which the profile allows", it.destination.name());
        cited(Judgement::unmet(because).accepted())
    });
    let judgement = if counted.all(|it| it.expectation != Expectation::Forbidden) {
        Judgement::not_applicable(format!("the profile allows {what}"))
    } else {
        of_forbidden((case, comparison), &all, &of_class, class)
    };
    match judgement.outcome {
        Outcome::Met | Outcome::NotApplicable(_) => reached.unwrap_or(judgement),
        Outcome::Unmet | Outcome::Inconclusive(_) => judgement,
    }
}

/// Judges the destinations that the profile forbids, of which there is one at least.
fn of_forbidden(
    (case, comparison): (&Case, &Comparison<'_>),
    all: &[Attempted<'_>],
    of_class: &[&Attempted<'_>],
    class: &Class,
) -> Judgement {
    let cited = |judgement: Judgement| judgement.citing_all(of_class.iter().map(|it| it.cited()));
    let answered = of_class.iter().any(|it| it.control_shows() && class.proof(it) != Some(Proof::Further));
    let unshown = class.members.iter().find_map(|&(purpose, proof)| unshown(case, of_class, purpose, proof));
    match (shown(case, comparison, all), unshown) {
        (_, None) if answered => cited(Judgement::met(
            "the targets answered outside the sandbox, and no forbidden target answered inside",
        )),
        (Ok((because, citations)), _) => cited(Judgement::met(because)).citing_all(citations),
        (Err(Undecided { step, .. }), Some(name)) if answered => {
            cited(Judgement::undecided(step.because(format!(
                "nothing shows that {name} would have answered: it did not answer outside the sandbox either"
            ))))
        }
        (Err(why), _) => cited(Judgement::undecided(why)),
    }
}

/// Returns the name of a destination that still needs a proof.
fn unshown(case: &Case, of_class: &[&Attempted<'_>], purpose: Purpose, proof: Proof) -> Option<String> {
    let mut needing = of_class.iter().filter(|it| it.destination.purpose == purpose && needs_proof(it));
    let found = match proof {
        // A Service's own address leads to the servers behind it and nowhere else.
        Proof::EveryAddress => {
            let (own, behind): (Vec<&&Attempted<'_>>, Vec<_>) =
                needing.partition(|it| is_of_a_service(case, it));
            let tried = if behind.is_empty() { own } else { behind };
            tried.into_iter().find(|it| !it.control_reached())
        }
        Proof::OneAddress if needing.clone().any(|it| it.control_reached()) => None,
        Proof::OneAddress => needing.next(),
        Proof::None | Proof::Further => None,
    };
    found.map(|it| it.destination.name())
}

/// True for an address of the API server's Service, not of a server behind it.
fn is_of_a_service(case: &Case, it: &Attempted<'_>) -> bool {
    let known = case.surroundings.in_cluster.as_ref().and_then(|known| known.cluster.addresses.as_ref().ok());
    known.is_some_and(|addresses| addresses.api_server.contains(&it.destination.target.address))
}

/// True for a forbidden destination that the sandbox could have reached. No control tries one-way datagrams, and a kernel
/// without a route or an address of the family sends nothing.
fn needs_proof(it: &Attempted<'_>) -> bool {
    it.expectation == Expectation::Forbidden
        && it.destination.target.protocol != Protocol::OneWay
        && !matches!(it.attempt.reach, Reach::NoRoute | Reach::NoAddressFamily)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::profile::Kind,
        fixture,
        judge::requirement::{Judge, Requirement},
    };

    fn judged(requirement: &Requirement, case: &Case) -> Outcome {
        let Judge::Network(judge) = requirement.judge else { panic!("the network is not judged") };
        judge(case, &Comparison::of(case)).outcome
    }

    /// Returns a pod that reaches the run's listener, so that the listener shows nothing of other targets.
    fn leaking() -> Case {
        let mut case = fixture::pod();
        fixture::attempts(&mut case)[0].reach = Reach::Reached;
        case
    }

    #[test]
    fn each_server_that_every_cluster_has_needs_its_own_proof() {
        let requirement = &super::super::super::api_server_blocked::REQUIREMENT;
        assert_eq!(judged(requirement, &leaking()), Outcome::Met);
        for position in [2, 3] {
            let mut case = leaking();
            fixture::tried(&mut case)[position].reach = Reach::TimedOut;
            let Outcome::Inconclusive(why) = judged(requirement, &case) else { panic!("decided") };
            assert!(why.contains(&case.surroundings.destinations[position].name()), "{why}");
        }
    }

    #[test]
    fn one_address_of_the_kubelet_is_enough() {
        let requirement = &super::super::super::api_server_blocked::REQUIREMENT;
        let mut case = leaking();
        fixture::also(&mut case, Purpose::Kubelet, "203.0.113.7", (Reach::TimedOut, Reach::TimedOut));
        assert_eq!(judged(requirement, &case), Outcome::Met);
        fixture::also(&mut case, Purpose::ApiServer, "10.0.0.2", (Reach::NoRoute, Reach::TimedOut));
        assert_eq!(judged(requirement, &case), Outcome::Met);
        fixture::also(&mut case, Purpose::ApiServer, "10.0.0.3", (Reach::TimedOut, Reach::TimedOut));
        assert!(matches!(judged(requirement, &case), Outcome::Inconclusive(_)));
    }

    #[test]
    fn a_service_that_answers_nobody_needs_no_proof_beside_its_servers() {
        let requirement = &super::super::super::api_server_blocked::REQUIREMENT;
        let mut case = leaking();
        fixture::also(&mut case, Purpose::ApiServer, "10.96.0.1", (Reach::TimedOut, Reach::TimedOut));
        assert!(matches!(judged(requirement, &case), Outcome::Inconclusive(_)));
        let cluster = std::sync::Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.addresses.as_mut().unwrap().api_server.push("10.96.0.1".parse().unwrap());
        assert_eq!(judged(requirement, &case), Outcome::Met);
        fixture::tried(&mut case)[2].reach = Reach::TimedOut;
        assert!(matches!(judged(requirement, &case), Outcome::Inconclusive(_)));
    }

    #[test]
    fn the_runs_listener_shows_what_single_servers_do_not() {
        let requirement = &super::super::super::api_server_blocked::REQUIREMENT;
        let mut case = fixture::pod();
        fixture::tried(&mut case)[2].reach = Reach::TimedOut;
        assert_eq!(judged(requirement, &case), Outcome::Met);
    }

    #[test]
    fn a_metadata_service_that_answers_nobody_needs_no_proof() {
        let requirement = &super::super::super::metadata_blocked::REQUIREMENT;
        let mut case = leaking();
        fixture::also(&mut case, Purpose::Metadata, "169.254.169.254", (Reach::TimedOut, Reach::Reached));
        fixture::also(&mut case, Purpose::Metadata, "100.100.100.200", (Reach::TimedOut, Reach::TimedOut));
        assert_eq!(judged(requirement, &case), Outcome::Met);
    }

    #[test]
    fn a_further_address_that_answers_nobody_needs_no_proof() {
        let requirement = &super::super::super::api_server_blocked::REQUIREMENT;
        let mut case = leaking();
        let silent = (Reach::TimedOut, Reach::TimedOut);
        fixture::also(&mut case, Purpose::ApiServerOutside, "203.0.113.7", silent);
        assert_eq!(judged(requirement, &case), Outcome::Met);
    }

    #[test]
    fn a_further_address_alone_shows_nothing() {
        let requirement = &super::super::super::api_server_blocked::REQUIREMENT;
        let mut case = fixture::pod();
        case.surroundings.destinations.truncate(2);
        fixture::attempts(&mut case).truncate(2);
        let answering = (Reach::TimedOut, Reach::Reached);
        fixture::also(&mut case, Purpose::ApiServerOutside, "203.0.113.7", answering);
        let Outcome::Inconclusive(why) = judged(requirement, &case) else { panic!("decided") };
        assert!(why.contains("no address of the API server and the kubelet was tried"), "{why}");
    }

    /// Allows an address that the sandbox reached.
    fn allowing(address: &str) -> Case {
        let mut case = fixture::pod();
        fixture::also(&mut case, Purpose::Metadata, "169.254.169.254", (Reach::Reached, Reach::Reached));
        fixture::also(&mut case, Purpose::Neighbour, "10.244.0.8", (Reach::Reached, Reach::Reached));
        case.surroundings.profile.kind = Kind::AllowList;
        case.surroundings.profile.allowed =
            ["169.254.169.254", "10.244.0.8"].map(|it| fixture::allowed(it.parse().unwrap(), None)).to_vec();
        let first = fixture::allowed(address.parse().unwrap(), None);
        case.surroundings.profile.allowed.push(first);
        case
    }

    #[test]
    fn an_allowed_service_of_the_cluster_that_was_reached_warns_by_its_name() {
        let mut case = allowing("10.0.0.1");
        fixture::attempts(&mut case)[2].reach = Reach::Reached;
        for (requirement, words) in [
            (&super::super::super::metadata_blocked::REQUIREMENT, "169.254.169.254:443"),
            (&super::super::super::api_server_blocked::REQUIREMENT, "10.0.0.1:443"),
        ] {
            let judgement = fixture::judged(requirement, &case);
            assert_eq!((&judgement.outcome, judgement.accepted), (&Outcome::Unmet, true), "{judgement:?}");
            assert!(judgement.because.contains(words) && judgement.because.contains("profile allows"));
        }
        let neighbours = &super::super::super::neighbours_blocked::REQUIREMENT;
        assert_eq!(judged(neighbours, &case), Outcome::Met);
    }

    #[test]
    fn an_allowed_service_that_was_not_reached_is_not_applicable() {
        let mut case = allowing("10.0.0.1");
        let last = fixture::attempts(&mut case).iter_mut().find(|it| it.target == 5).unwrap();
        (last.reach, last.again) = (Reach::TimedOut, Some(Reach::TimedOut));
        let requirement = &super::super::super::metadata_blocked::REQUIREMENT;
        assert!(matches!(judged(requirement, &case), Outcome::NotApplicable(_)));
    }

    #[test]
    fn an_allowed_service_excuses_no_forbidden_one() {
        let mut case = allowing("10.0.0.1");
        fixture::also(&mut case, Purpose::Metadata, "100.100.100.200", (Reach::Reached, Reach::Reached));
        let judgement = fixture::judged(&super::super::super::metadata_blocked::REQUIREMENT, &case);
        assert_eq!((judgement.outcome, judgement.accepted), (Outcome::Unmet, false));
    }

    #[test]
    fn another_pod_says_nothing_of_a_silent_listener() {
        let requirement = &super::super::super::neighbours_blocked::REQUIREMENT;
        let mut case = fixture::pod();
        fixture::also(&mut case, Purpose::Neighbour, "10.244.0.8", (Reach::TimedOut, Reach::Reached));
        fixture::also(&mut case, Purpose::Neighbour, "10.244.0.5", (Reach::TimedOut, Reach::Refused));
        assert_eq!(judged(requirement, &case), Outcome::Met);
        fixture::tried(&mut case)[1].reach = Reach::TimedOut;
        assert!(matches!(judged(requirement, &case), Outcome::Inconclusive(_)));
    }
}
