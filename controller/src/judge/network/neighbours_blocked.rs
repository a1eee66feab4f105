//! The sandbox cannot reach another pod. The control pod's listener counts as another pod.

use super::network_isolation::{
    class::{self, Class as Targets, Proof},
    declared::Comparison,
};
use crate::case::{Case, destination::Purpose};
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
        met: "the sandbox reached no other pod, and the control pod reached the run's listener",
        unmet: "the sandbox reached another pod",
        inconclusive: "the sandbox reached no other pod, and nothing shows that it could have",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Network(judge),
};

/// A pod that declares a port need not listen there, and may admit the pods of its namespace alone. The listener answers
/// everybody on its own port, so the listener is the pod that must have answered there. It may be unable to listen on others.
const TARGETS: Targets = Targets {
    what: "other pods",
    members: &[
        (Purpose::Listener, Proof::EveryAddress),
        (Purpose::ListenerOnPolicyPort, Proof::None),
        (Purpose::Neighbour, Proof::None),
    ],
    step: None,
    warns: false,
};

fn judge(case: &Case, comparison: &Comparison<'_>) -> Judgement {
    class::judge(case, comparison, &TARGETS)
}

#[cfg(test)]
mod tests {
    use proto::Reach;

    use super::*;
    use crate::{case::Control, fixture, judge::requirement::Outcome};

    fn judge(case: &Case) -> Judgement {
        super::judge(case, &Comparison::of(case))
    }

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
