//! The sandbox cannot reach the cluster's API server or the node's kubelet.

use super::network_isolation::class;
use crate::case::{
    Case,
    destination::{Destination, Purpose},
};
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
        met: "the sandbox reached neither, and the control pod reached at least one",
        unmet: "the sandbox reached the API server or the kubelet",
        inconclusive: "the sandbox reached neither, and nothing shows that it could have",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Case(judge),
};

fn judge(case: &Case) -> Judgement {
    let judgement = class::judge(case, "the API server and the kubelet", belongs);
    match case.surroundings.in_cluster.as_ref().map(|known| &known.cluster.addresses) {
        Some(Err(unreadable)) if judgement.outcome != Outcome::Unmet => {
            Judgement::inconclusive(format!("the API server's address is not known: {unreadable}"))
        }
        _ => judgement,
    }
}

fn belongs(destination: &Destination) -> bool {
    matches!(destination.purpose, Purpose::ApiServer | Purpose::Kubelet)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proto::Reach;

    use super::*;
    use crate::{case::Control, fixture};

    #[test]
    fn an_api_server_that_was_reached_is_unmet() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        fixture::attempts(&mut case)[2].reach = Reach::Reached;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
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
