//! Everything that runs, or can be scheduled, has a probe that stands for it. It is never unmet: what has no evidence is
//! not known to be wrong, and not known to be right.

use crate::case::Case;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "coverage",
    title: "Every pool that the namespace uses, and every pod of it, is stood for by a probe",
    area: Area::Evidence,
    class: Class::Regular,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 10,
    protects: "One pool whose nodes were set up otherwise is enough for code to get out.",
    remedy: "Let the run see every node (`controller rbac --cluster`), remove what keeps a probe away, or name what you \
             leave out by `--nodes` or `--like` and judge the rest apart. A namespace without workloads: `--runtime-class \
             NAME` probes for what is to come.",
    explanation: Explanation {
        looks_at: &["cluster"],
        met: "every used pool and every pod has its probe",
        unmet: "it is never unmet",
        inconclusive: "something has no probe, or is not known",
        on_platforms: &[],
    },
    mappings: &[],
    judge: Judge::Case(judge),
};

fn judge(case: &Case) -> Judgement {
    let Some(known) = &case.surroundings.in_cluster else {
        return Judgement::not_applicable("there is no cluster");
    };
    let coverage = &known.coverage;
    if let Some(unreadable) = known.cluster.unread_pod_views.first() {
        return Judgement::inconclusive(format!("what runs is not known: {unreadable}"));
    }
    if let Some(first) = coverage.uncovered.first() {
        let judgement = Judgement::inconclusive(format!("no probe stands for {first}"));
        return coverage
            .uncovered
            .iter()
            .fold(judgement, |judgement, it| judgement.citing("cluster", it.clone()));
    }
    if let Some(why) = &coverage.unknown {
        return Judgement::inconclusive(format!("the pools are not known: {why}"));
    }
    if coverage.nodes_planned == 0 {
        return Judgement::inconclusive("there is nothing that a probe could stand for");
    }
    let nodes = format!("{} of {} nodes of the used pools were seen", coverage.nodes_planned, coverage.nodes);
    let judgement = Judgement::met("every used pool and every pod has a probe that stands for it")
        .citing("cluster", nodes);
    coverage.unused_pools.iter().fold(judgement, |judgement, pool| {
        judgement.citing("cluster", format!("pool {pool} is not used by this namespace"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, judge::requirement::Outcome};

    #[test]
    fn what_no_probe_stands_for_is_named_and_never_met() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        let coverage = fixture::coverage(&mut case);
        coverage.uncovered.push("pod/lost: no node".into());
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("pod/lost"), "{why}");
    }

    #[test]
    fn pools_that_are_not_known_and_no_workloads_at_all_are_never_met() {
        let mut case = fixture::pod();
        fixture::coverage(&mut case).unknown = Some("the permission to list nodes is missing".into());
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
        let mut case = fixture::pod();
        fixture::coverage(&mut case).nodes_planned = 0;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
