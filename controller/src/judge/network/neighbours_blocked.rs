//! The sandbox cannot reach another pod. The control pod's listener counts as another pod.

use super::network_isolation::class;
use crate::case::{
    Case,
    destination::{Destination, Purpose},
};
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "neighbours-blocked",
    title: "The sandbox cannot reach another pod",
    area: Area::Network,
    class: Class::Adaptive,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 3,
    protects: "From a sandbox that an attacker controls, the other pods are the next step.",
    remedy: "Apply a default-deny NetworkPolicy for egress and ingress, and allow each pod only the pods that it needs.",
    explanation: Explanation {
        looks_at: &["egress", "control"],
        met: "the sandbox reached no other pod, and the control pod reached at least one",
        unmet: "the sandbox reached another pod",
        inconclusive: "the sandbox reached no other pod, and nothing shows that it could have",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Case(judge),
};

fn judge(case: &Case) -> Judgement {
    class::judge(case, "other pods", belongs)
}

fn belongs(destination: &Destination) -> bool {
    matches!(destination.purpose, Purpose::Listener | Purpose::Neighbour)
}

#[cfg(test)]
mod tests {
    use proto::Reach;

    use super::*;
    use crate::{case::Control, fixture, judge::requirement::Outcome};

    #[test]
    fn a_pod_that_was_reached_is_unmet() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        fixture::attempts(&mut case)[1].reach = Reach::Reached;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn other_destinations_do_not_count() {
        let mut case = fixture::pod();
        fixture::attempts(&mut case)[2].reach = Reach::Reached;
        assert_eq!(judge(&case).outcome, Outcome::Met);
        case.surroundings.control = Control::NotAsked;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
