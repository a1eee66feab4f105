//! A probe represents every pod that runs or can be scheduled. The requirement is never unmet: a pod without evidence is
//! not known to be wrong, and not known to be right.

use crate::case::{Case, cluster::Coverage, rounds::Rounds};
use crate::judge::policy::Policy;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "coverage",
    title: "A probe represents every pod of the namespace and every node pool that it uses",
    area: Area::Evidence,
    class: Class::Regular,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 10,
    protects: "One node pool with another setup is enough for code to get out.",
    remedy: "Let the run see every node and every workload (`controller rbac --cluster`; for a kind that the finding names, \
             also the permission to list it), and remove what keeps a probe away. Or restrict \
             this run with `--nodes` or `--like`, and judge the rest in another run; `--require-whole` and `require-whole` \
             in the policy file accept the whole namespace alone. In a namespace without workloads, \
             `--runtime-class NAME` probes for pods that do not exist yet.",
    explanation: Explanation {
        looks_at: &["cluster"],
        met: "a probe represents every used node pool and every pod, apart from those that flags leave out",
        unmet: "this requirement is never unmet",
        inconclusive: "a pod or node pool has no probe, the pods or node pools are not known, or the policy requires the \
                       whole namespace and flags leave a part out",
        on_platforms: &[],
    },
    mappings: &[],
    judge: Judge::Policy(judge),
};

fn judge(case: &Case, policy: &Policy) -> Judgement {
    let Some(known) = &case.surroundings.in_cluster else {
        return Judgement::not_applicable("there is no cluster");
    };
    let coverage = &known.coverage;
    if let Some(first) = known.unread_pod_views().next() {
        let judgement = Judgement::inconclusive(format!("not every workload is known: {first}"));
        return judgement.citing_objects(known.unread_pod_views().map(ToString::to_string));
    }
    if let Some(first) = coverage.uncovered.first() {
        let judgement = Judgement::inconclusive(format!("no probe represents {first}"));
        return citing_architectures(judgement.citing_objects(coverage.uncovered.iter().cloned()), coverage);
    }
    if let Some(why) = &coverage.unknown {
        return Judgement::inconclusive(format!("the node pools are not known: {why}"));
    }
    if coverage.nodes_planned == 0 {
        return Judgement::inconclusive("the namespace has no pod that a probe could represent");
    }
    if policy.require_whole
        && let Some(part) = coverage.left_out.first()
    {
        let why = format!(
            "the policy requires the whole namespace, and {} leaves {} out",
            part.by.flag(),
            part.name
        );
        return citing_left_out(Judgement::inconclusive(why), coverage);
    }
    if policy.require_whole && case.surroundings.rounds == Rounds::None {
        let why = "the policy requires the whole, and --no-network leaves every attempt over the network out";
        return citing_left_out(Judgement::inconclusive(why), coverage);
    }
    let nodes =
        format!("probes cover {} of {} nodes of the used node pools", coverage.nodes_planned, coverage.nodes);
    let judgement = Judgement::met(if coverage.left_out.is_empty() {
        "a probe represents every used node pool and every pod"
    } else {
        "a probe represents every used node pool and every pod of the run's scope"
    })
    .citing("cluster", nodes);
    let judgement = citing_left_out(citing_architectures(judgement, coverage), coverage);
    coverage.unused_pools.iter().fold(judgement, |judgement, pool| {
        judgement.citing("cluster", format!("this namespace does not use the node pool {pool}"))
    })
}

fn citing_architectures(judgement: Judgement, coverage: &Coverage) -> Judgement {
    match coverage.by_architecture() {
        Some(told) => judgement.citing("cluster", format!("nodes with a probe by architecture: {told}")),
        None => judgement,
    }
}

fn citing_left_out(judgement: Judgement, coverage: &Coverage) -> Judgement {
    coverage.left_out.iter().fold(judgement, |judgement, part| {
        judgement.citing("cluster", format!("{} leaves {} out", part.by.flag(), part.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::{
            cluster::{CoveredArchitecture, Part, Restriction},
            environment::Environment,
        },
        fixture,
        judge::requirement::Outcome,
    };

    fn judge(case: &Case) -> Judgement {
        super::judge(case, &Policy::of(Environment::Production))
    }

    #[test]
    fn a_part_that_flags_leave_out_is_out_of_scope_unless_the_whole_is_required() {
        let mut case = fixture::pod();
        let part = Part { by: Restriction::Like, name: "deployment/other".into() };
        fixture::coverage(&mut case).left_out.push(part);
        assert_eq!(judge(&case).outcome, Outcome::Met);
        let policy = Policy { require_whole: true, ..Policy::of(Environment::Development) };
        let Outcome::Inconclusive(why) = super::judge(&case, &policy).outcome else { panic!("decided") };
        assert!(why.contains("--like leaves deployment/other out"), "{why}");
    }

    #[test]
    fn a_run_without_attempts_is_not_the_whole() {
        let mut case = fixture::pod();
        case.surroundings.rounds = Rounds::None;
        assert_eq!(judge(&case).outcome, Outcome::Met);
        let policy = Policy { require_whole: true, ..Policy::of(Environment::Development) };
        let Outcome::Inconclusive(why) = super::judge(&case, &policy).outcome else { panic!("decided") };
        assert!(why.contains("--no-network"), "{why}");
    }

    #[test]
    fn the_whole_namespace_meets_a_policy_that_requires_it() {
        let policy = Policy { require_whole: true, ..Policy::of(Environment::Development) };
        assert_eq!(super::judge(&fixture::pod(), &policy).outcome, Outcome::Met);
    }

    #[test]
    fn a_pod_without_a_probe_is_inconclusive_by_name() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        let coverage = fixture::coverage(&mut case);
        coverage.uncovered.push("pod/lost: no node".into());
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("pod/lost"), "{why}");
    }

    #[test]
    fn a_mixed_cluster_is_cited_by_architecture() {
        let mut case = fixture::pod();
        let covered = |name: &str| CoveredArchitecture { name: name.into(), nodes_planned: 1, nodes: 2 };
        fixture::coverage(&mut case).architectures = ["amd64", "arm64"].map(covered).into();
        let cited = judge(&case).citations;
        assert!(cited.iter().any(|it| it.text.contains("amd64: 1 of 2, arm64: 1 of 2")), "{cited:?}");
    }

    #[test]
    fn every_kind_of_workload_that_was_not_read_is_named() {
        let mut case = fixture::pod();
        let cluster = std::sync::Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.unread_pod_views =
            ["list sandboxes.agents.x-k8s.io", "list rollouts.argoproj.io"].map(fixture::forbidden).into();
        let judgement = judge(&case);
        assert!(matches!(judgement.outcome, Outcome::Inconclusive(_)));
        assert!(judgement.because.contains("sandboxes.agents.x-k8s.io"), "{judgement:?}");
        assert!(judgement.citations[1].text.contains("rollouts.argoproj.io"), "{judgement:?}");
    }

    #[test]
    fn unknown_pools_or_missing_workloads_are_inconclusive() {
        let mut case = fixture::pod();
        fixture::coverage(&mut case).unknown = Some("the permission to list nodes is missing".into());
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
        let mut case = fixture::pod();
        fixture::coverage(&mut case).nodes_planned = 0;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
