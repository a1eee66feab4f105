//! No other pod can be reached: not the control's listener, which is one.

use super::network_isolation::class;
use crate::case::{
    Case,
    destination::{Destination, Purpose},
};
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "neighbours-blocked",
    title: "No other pod can be reached",
    area: Area::Network,
    class: Class::Adaptive,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 3,
    protects: "From one sandbox that is taken over, the others are the next step.",
    remedy: "Apply a default-deny NetworkPolicy for egress and ingress, and allow each pod only those that it needs.",
    explanation: Explanation {
        looks_at: &["egress", "control"],
        met: "no other pod was reached, and the control reached it",
        unmet: "another pod was reached",
        inconclusive: "no other pod was reached, and nothing shows that one could have been",
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
    fn what_was_reached_elsewhere_is_none_of_its_business() {
        let mut case = fixture::pod();
        fixture::attempts(&mut case)[2].reach = Reach::Reached;
        assert_eq!(judge(&case).outcome, Outcome::Met);
        case.surroundings.control = Control::NotAsked;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
