//! The node of a sandbox. Most CNI plugins let a pod reach its own node whatever a policy says, and a profile that allows single
//! ports of the node allows less than that.

use super::{attempted::Attempted, declared};
use crate::case::{Case, destination::Purpose, policy::Transport, profile::Expectation};

/// Returns the reason of a node that is open on every port: the sandbox reached a port that the profile allows and the policies
/// deny. `None` if nothing shows that, or if the profile allows the whole node.
pub(super) fn open(case: &Case, attempted: &[Attempted<'_>]) -> Option<String> {
    let known = case.surroundings.in_cluster.as_ref()?;
    let reached = attempted.iter().filter(|it| {
        matches!(it.destination.purpose, Purpose::Node | Purpose::Kubelet)
            && it.expectation != Expectation::Forbidden
            && it.got_through()
    });
    // No entry of the profile has port 0, so that only an entry without a port lists it.
    let mut reached = reached
        .filter(|it| !case.surroundings.profile.lists(it.destination.target.address, 0, Transport::Tcp));
    reached.find_map(|it| {
        let target = &it.destination.target;
        let by = declared::denies(known, target.address, target.port, it.transport()?)?;
        Some(format!(
            "the sandbox reached {}, which the profile allows and {by} denies: policies do not bind the way to the node, so that \
             every port of the node is open to it",
            it.destination.name()
        ))
    })
}

#[cfg(test)]
mod tests {
    use proto::{Protocol, Reach};
    use serde_json::json;

    use super::super::REQUIREMENT;
    use crate::{
        case::{
            Case,
            profile::{Allowed, Kind, Profile},
        },
        fixture,
        judge::requirement::{Judgement, Outcome},
    };

    /// Returns a pod that reached its node's kubelet, which the profile allows by this port and protocol.
    fn with_kubelet(port: Option<u16>, protocol: Option<Protocol>) -> Case {
        let mut case = fixture::pod();
        let kubelet = &mut fixture::attempts(&mut case)[3];
        (kubelet.reach, kubelet.again) = (Reach::Reached, Some(Reach::Reached));
        let network = "192.168.0.0".parse().unwrap();
        let allowed = Allowed { prefix: 16, protocol, ..fixture::allowed(network, port) };
        case.surroundings.profile = Profile { kind: Kind::AllowList, allowed: vec![allowed] };
        case
    }

    fn judged(case: &Case) -> Judgement {
        fixture::judged(&REQUIREMENT, case)
    }

    #[test]
    fn an_allowed_kubelet_beside_policies_that_deny_it_warns_of_the_whole_node() {
        let judgement = judged(&with_kubelet(Some(10_250), Some(Protocol::Tcp)));
        assert_eq!((&judgement.outcome, judgement.accepted), (&Outcome::Unmet, true));
        let words = "192.168.0.7:10250, which the profile allows and NetworkPolicy default-deny denies";
        assert!(judgement.because.contains(words), "{}", judgement.because);
        assert!(judgement.because.contains("every port of the node is open"), "{}", judgement.because);
    }

    #[test]
    fn an_allowed_node_without_a_port_is_met() {
        assert_eq!(judged(&with_kubelet(None, None)).outcome, Outcome::Met);
    }

    #[test]
    fn an_allowed_kubelet_that_the_policies_let_pass_is_met() {
        let mut case = with_kubelet(Some(10_250), Some(Protocol::Tcp));
        let to = json!([{ "ipBlock": { "cidr": "192.168.0.0/16" } }]);
        let rule = json!([{ "to": to, "ports": [{ "port": 10_250 }] }]);
        let spec = json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": rule });
        fixture::bind(&mut case, &[fixture::default_deny(), fixture::network_policy("kubelet", &spec)]);
        assert_eq!(judged(&case).outcome, Outcome::Met);
    }

    #[test]
    fn an_open_node_hides_no_missing_proof() {
        let mut case = with_kubelet(Some(10_250), Some(Protocol::Tcp));
        fixture::tried(&mut case)[0].reach = Reach::TimedOut;
        assert!(matches!(judged(&case).outcome, Outcome::Inconclusive(_)));
    }
}
