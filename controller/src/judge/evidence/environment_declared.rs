//! A variable or a flag names the environment. A default is not a decision.

use crate::case::Case;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "environment-declared",
    title: "A variable or a flag names the environment",
    area: Area::Evidence,
    class: Class::ProductionOnly,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 2,
    protects: "A gate that runs for development by default lets everything pass.",
    remedy: "Set ENVIRONMENT=production (or staging) where the gate runs, or give `--environment`.",
    explanation: Explanation {
        looks_at: &["cluster"],
        met: "ENVIRONMENT, REQUIRE_GVISOR, K8S_CLUSTER_TYPE or --environment names the environment",
        unmet: "nothing names the environment, and development is only the default",
        inconclusive: "this requirement is never inconclusive",
        on_platforms: &[],
    },
    mappings: &[],
    judge: Judge::Case(judge),
};

fn judge(case: &Case) -> Judgement {
    match case.surroundings.in_cluster.as_ref().map(|known| &known.environment) {
        Some(Some(source)) => {
            Judgement::met("a variable or a flag names the environment").citing("environment", source.clone())
        }
        Some(None) => Judgement::unmet("nothing names the environment; development is only the default"),
        None => Judgement::not_applicable("there is no cluster"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, judge::requirement::Outcome};

    #[test]
    fn a_default_environment_is_unmet() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        fixture::in_cluster(&mut case).environment = None;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }
}
