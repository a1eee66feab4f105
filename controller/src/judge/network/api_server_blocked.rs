//! The sandbox cannot reach the cluster's API server or the node's kubelet.

use super::network_isolation::{
    class::{self, Class as Targets, Proof},
    declared::Comparison,
};
use crate::case::{
    Case,
    cluster::{Cluster, Unreadable},
    destination::Purpose,
};
use crate::judge::network::undecided::{Step, Undecided};
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Outcome, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "api-server-blocked",
    title: "The sandbox cannot reach the cluster's API server or the node's kubelet",
    area: Area::Network,
    class: Class::Adaptive,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 3,
    protects: "Code that reaches the API server can use a stolen token there, and every hole in the server.",
    remedy: "Let no NetworkPolicy allow these pods egress to the addresses of the API server or the kubelet.",
    explanation: Explanation {
        looks_at: &["cluster", "egress", "control"],
        met: "the sandbox reached neither the API server nor the kubelet, and the control pod reached both, or the listener of the run shows that nothing leaves",
        unmet: "the sandbox reached the API server or the kubelet; if the profile allows that, it warns at most",
        inconclusive: "the sandbox reached neither the API server nor the kubelet, and nothing shows that it could have",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Network(judge),
};

/// The addresses of the API server may lead to several servers; those of a node lead to its one kubelet. The controller may ask
/// a host that no pod of the cluster reaches, such as one behind a bastion.
const TARGETS: Targets = Targets {
    what: "the API server and the kubelet",
    members: &[
        (Purpose::ApiServer, Proof::EveryAddress),
        (Purpose::ApiServerOutside, Proof::Further),
        (Purpose::Kubelet, Proof::OneAddress),
    ],
    step: Some(Step::ServeApi),
    warns: true,
};

fn judge(case: &Case, comparison: &Comparison<'_>) -> Judgement {
    let judgement = class::judge(case, comparison, &TARGETS);
    let untried = case.surroundings.in_cluster.as_ref().and_then(|known| untried(&known.cluster));
    match untried {
        Some(why) if judgement.outcome != Outcome::Unmet => Judgement::undecided(why),
        _ => judgement,
    }
}

/// Returns why an address was not tried that every cluster has.
fn untried(cluster: &Cluster) -> Option<Undecided> {
    let unknown = |whose: &str, unreadable: &Unreadable| {
        Step::after(unreadable).because(format!("{whose} address is not known: {unreadable}"))
    };
    let server = cluster.addresses.as_ref().err().or(cluster.api_endpoints.as_ref().err());
    let server = server.map(|unreadable| unknown("the API server's", unreadable));
    server.or_else(|| Some(unknown("the kubelet's", cluster.nodes.as_ref().err()?)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proto::Reach;

    use super::*;
    use crate::{
        case::{Control, profile::Kind},
        fixture,
    };

    fn judge(case: &Case) -> Judgement {
        super::judge(case, &Comparison::of(case))
    }

    #[test]
    fn an_api_server_that_was_reached_is_unmet() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        fixture::attempts(&mut case)[2].reach = Reach::Reached;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn a_public_endpoint_that_was_reached_is_unmet_under_no_private() {
        let mut case = fixture::pod();
        case.surroundings.profile.kind = Kind::NoPrivate;
        let reached = (Reach::Reached, Reach::Reached);
        fixture::also(&mut case, Purpose::ApiServerOutside, "203.0.113.7", reached);
        let judgement = judge(&case);
        assert_eq!((&judgement.outcome, judgement.accepted), (&Outcome::Unmet, false));
        assert!(judgement.because.contains("203.0.113.7:443"), "{}", judgement.because);
        let allowed = fixture::allowed("203.0.113.7".parse().unwrap(), Some(443));
        case.surroundings.profile.allowed.push(allowed);
        let judgement = judge(&case);
        assert_eq!((&judgement.outcome, judgement.accepted), (&Outcome::Unmet, true), "a warning");
    }

    #[test]
    fn unreadable_endpoints_of_the_api_server_are_inconclusive() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.api_endpoints = Err(fixture::forbidden("list endpointslices in default"));
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("list endpointslices in default"), "{why}");
    }

    #[test]
    fn an_unreadable_node_is_inconclusive() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.nodes = Err(fixture::forbidden("list nodes"));
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("list nodes"), "{why}");
    }

    #[test]
    fn silence_without_a_control_is_inconclusive() {
        let mut case = fixture::pod();
        case.surroundings.control = Control::NotAsked;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn an_unreadable_api_server_address_is_inconclusive() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.addresses = Err(fixture::forbidden("get services in default"));
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("get services"), "{why}");
    }
}
