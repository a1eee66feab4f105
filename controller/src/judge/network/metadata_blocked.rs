//! The sandbox cannot reach the metadata service of any provider.

use super::network_isolation::{
    class::{self, Class as Targets, Proof},
    declared::Comparison,
};
use crate::case::{Case, destination::Purpose};
use crate::judge::network::undecided::Step;
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "metadata-blocked",
    title: "The sandbox cannot reach a metadata service",
    area: Area::Network,
    class: Class::Adaptive,
    scope: Scope::Everywhere,
    mandatory: false,
    weight: 4,
    protects: "A metadata service gives the machine's own credentials to any program that asks.",
    remedy: "Keep the sandbox from 169.254.0.0/16 and the provider's other addresses: by a NetworkPolicy, by the provider's \
             setting (GKE metadata server, IMDSv2 with a hop limit of 1), or by a filter on the node.",
    explanation: Explanation {
        looks_at: &["egress", "control"],
        met: "the sandbox reached no metadata service, and something shows that it could have",
        unmet: "the sandbox reached a metadata service; if the profile allows it, that warns at most",
        inconclusive: "the sandbox reached no metadata service, and nothing shows that it could have",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Network(judge),
};

/// Each provider has its own addresses, and elsewhere nobody answers there.
const TARGETS: Targets = Targets {
    what: "the metadata services",
    members: &[(Purpose::Metadata, Proof::None)],
    step: Some(Step::TryMetadata),
    warns: true,
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
    fn a_metadata_service_that_only_the_control_reached_is_met() {
        let mut case = at_a_metadata_service();
        fixture::attempts(&mut case)[0].reach = Reach::Reached;
        assert_eq!(judge(&case).outcome, Outcome::Met);
        fixture::tried(&mut case)[2].reach = Reach::TimedOut;
        case.surroundings.control = Control::NotAsked;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn a_run_without_an_attempt_is_inconclusive() {
        let case = fixture::pod();
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("--egress-target"), "{why}");
    }

    #[test]
    fn a_network_that_the_probe_lacks_is_inconclusive() {
        let mut case = at_a_metadata_service();
        fixture::pod_view(&mut case).host_namespaces.push("network".into());
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
