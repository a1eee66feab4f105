//! No metadata service can be reached, of whichever provider.

use super::network_isolation::class;
use crate::case::{
    Case,
    destination::{Destination, Purpose},
};
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "metadata-blocked",
    title: "No metadata service can be reached",
    area: Area::Network,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 4,
    protects: "A metadata service gives the machine's own credentials to whoever asks it.",
    remedy: "Keep 169.254.0.0/16 and the provider's other addresses from the sandbox: by a NetworkPolicy, by the provider's setting \
             (GKE metadata server, IMDSv2 with a hop limit of 1), or by a filter on the node.",
    explanation: Explanation {
        looks_at: &["egress", "control"],
        met: "no metadata service was reached, and it could have been",
        unmet: "a metadata service was reached",
        inconclusive: "no metadata service was reached, and nothing shows that one could have been",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Case(judge),
};

fn judge(case: &Case) -> Judgement {
    class::judge(case, "the metadata services", belongs)
}

fn belongs(destination: &Destination) -> bool {
    destination.purpose == Purpose::Metadata
}

#[cfg(test)]
mod tests {
    use proto::Reach;

    use super::*;
    use crate::{case::Control, fixture, judge::requirement::Outcome};

    fn at_a_metadata_service() -> Case {
        let mut case = fixture::pod();
        case.surroundings.destinations[2].purpose = Purpose::Metadata;
        case
    }

    #[test]
    fn a_metadata_service_that_was_reached_is_unmet() {
        let mut case = at_a_metadata_service();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        fixture::attempts(&mut case)[2].reach = Reach::Reached;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn one_that_the_control_reached_and_the_sandbox_did_not_is_met_whatever_else_was_reached() {
        let mut case = at_a_metadata_service();
        fixture::attempts(&mut case)[0].reach = Reach::Reached;
        assert_eq!(judge(&case).outcome, Outcome::Met);
        fixture::tried(&mut case)[2].reach = Reach::TimedOut;
        case.surroundings.control = Control::NotAsked;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn where_none_was_tried_nothing_is_known() {
        let case = fixture::pod();
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("--egress-target"), "{why}");
    }

    #[test]
    fn a_network_that_the_probe_does_not_have_leaves_it_open() {
        let mut case = at_a_metadata_service();
        fixture::pod_view(&mut case).host_namespaces.push("network".into());
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
