//! Connections that somebody on the way takes: a proxy or a mesh answers the handshake for any address. The run's own listener
//! shows that, because it alone knows its token. A handshake with another target then shows nothing of the target.

use proto::{Attempt, Protocol, Reach};

use crate::case::destination::{Destination, Purpose};

/// An address family over which somebody else took the connection to the run's own listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interception {
    is_v4: bool,
}

/// Returns the interceptions that a probe met. A listener that showed its token once was reached: then nothing is excused.
pub(super) fn all(destinations: &[Destination], attempts: &[Attempt]) -> Vec<Interception> {
    let ends = |is_v4: bool| {
        let listeners = destinations.iter().filter(move |it| {
            it.purpose != Purpose::LoopbackListener
                && it.target.protocol == Protocol::Tcp
                && it.target.token.is_some()
                && it.target.address.is_ipv4() == is_v4
        });
        let made = listeners.filter_map(|it| attempts.iter().find(|attempt| attempt.target == it.target.id));
        made.flat_map(|attempt| [Some(attempt.reach), attempt.again]).flatten()
    };
    let is_intercepted = |is_v4: bool| {
        ends(is_v4).any(|reach| reach == Reach::Another) && ends(is_v4).all(|reach| reach != Reach::Reached)
    };
    [true, false]
        .into_iter()
        .filter(|&is_v4| is_intercepted(is_v4))
        .map(|is_v4| Interception { is_v4 })
        .collect()
}

// === impl Interception ===

impl Interception {
    /// Returns true if somebody may take connections to this destination, too. Nobody is on the way to the sandbox's own
    /// loopback address.
    pub(super) fn takes(self, Destination { target, purpose, .. }: &Destination) -> bool {
        target.protocol == Protocol::Tcp
            && *purpose != Purpose::LoopbackListener
            && target.address.is_ipv4() == self.is_v4
    }
}

#[cfg(test)]
mod tests {
    use proto::Nonce;

    use super::*;
    use crate::{
        case::{
            Case,
            profile::{Kind, Profile},
        },
        fixture,
        judge::{
            network::{
                api_server_blocked, closed_from_the_start, neighbours_blocked, network_isolation,
                policies_enforced,
            },
            requirement::{Judgement, Outcome, Requirement},
        },
    };

    /// Returns a pod whose connections somebody takes: the API server's and the listener's.
    fn intercepted() -> Case {
        let mut case = fixture::pod();
        for position in [0, 1] {
            case.surroundings.destinations[position].target.token = Some(Nonce([7; 16]));
        }
        end(&mut case, 0, Reach::Another);
        end(&mut case, 2, Reach::Reached);
        case
    }

    fn end(case: &mut Case, position: usize, reach: Reach) {
        let attempt = &mut fixture::attempts(case)[position];
        (attempt.reach, attempt.again) = (reach, Some(reach));
    }

    fn isolation(case: &Case) -> Judgement {
        fixture::judged(&network_isolation::REQUIREMENT, case)
    }

    #[test]
    fn handshakes_that_somebody_takes_are_inconclusive() {
        let requirements: [&Requirement; 5] = [
            &network_isolation::REQUIREMENT,
            &api_server_blocked::REQUIREMENT,
            &neighbours_blocked::REQUIREMENT,
            &policies_enforced::REQUIREMENT,
            &closed_from_the_start::REQUIREMENT,
        ];
        for requirement in requirements {
            let outcome = fixture::judged(requirement, &intercepted()).outcome;
            assert!(matches!(outcome, Outcome::Inconclusive(_)), "{}: {outcome:?}", requirement.id);
        }
        let because = isolation(&intercepted()).because;
        assert!(
            because.contains("somebody on the way took the connection to the run's own listener"),
            "{because}"
        );
    }

    #[test]
    fn a_listener_that_showed_its_token_once_is_unmet() {
        for (first, again) in [(Reach::Another, Reach::Reached), (Reach::Reached, Reach::Another)] {
            let mut case = intercepted();
            let attempt = &mut fixture::attempts(&mut case)[0];
            (attempt.reach, attempt.again) = (first, Some(again));
            assert_eq!(isolation(&case).outcome, Outcome::Unmet, "{first:?} {again:?}");
        }
    }

    #[test]
    fn a_datagram_that_was_answered_is_unmet() {
        for reach in [Reach::Reached, Reach::Another] {
            let mut case = intercepted();
            end(&mut case, 1, reach);
            assert_eq!(isolation(&case).outcome, Outcome::Unmet, "{reach:?}");
        }
    }

    #[test]
    fn a_datagram_that_arrived_is_unmet() {
        let mut case = intercepted();
        case.surroundings.arrived.push(2);
        assert_eq!(isolation(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn another_address_family_is_not_excused() {
        let mut case = intercepted();
        fixture::also(&mut case, Purpose::PublicInternet, "2001:db8::1", (Reach::Reached, Reach::Reached));
        assert_eq!(isolation(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn an_interception_of_the_listener_alone_is_never_met() {
        let mut case = intercepted();
        end(&mut case, 2, Reach::TimedOut);
        assert!(matches!(isolation(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn a_declared_opening_is_unmet_beside_an_interception() {
        let mut case = intercepted();
        let open = serde_json::json!({ "podSelector": {}, "egress": [{}] });
        fixture::bind(&mut case, &[fixture::default_deny(), fixture::network_policy("open", &open)]);
        assert_eq!(isolation(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn a_required_destination_behind_a_proxy_is_not_missed() {
        let mut case = intercepted();
        case.surroundings.destinations[2].purpose = Purpose::Required;
        let address = case.surroundings.destinations[2].target.address;
        let allowed = vec![fixture::allowed(address, Some(443))];
        case.surroundings.profile = Profile { kind: Kind::AllowList, allowed };
        assert!(matches!(isolation(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn handshakes_of_a_control_behind_a_proxy_show_no_answer() {
        let mut case = fixture::pod();
        let judged = |case: &Case| fixture::judged(&api_server_blocked::REQUIREMENT, case).outcome;
        case.surroundings.destinations[0].target.token = Some(Nonce([7; 16]));
        assert_eq!(judged(&case), Outcome::Met);
        let attempt = &mut fixture::tried(&mut case)[0];
        (attempt.reach, attempt.again) = (Reach::Another, Some(Reach::Another));
        assert!(matches!(judged(&case), Outcome::Inconclusive(_)));
    }

    #[test]
    fn a_token_that_came_back_on_another_port_is_unmet() {
        let mut case = intercepted();
        let reached = (Reach::Reached, Reach::Reached);
        fixture::also(&mut case, Purpose::ListenerOnPolicyPort, "10.244.0.9", reached);
        let last = case.surroundings.destinations.last_mut().unwrap();
        last.target.token = Some(Nonce([7; 16]));
        assert_eq!(isolation(&case).outcome, Outcome::Unmet);
    }
}
