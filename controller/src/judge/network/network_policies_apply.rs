//! NetworkPolicies bind the pods in both directions. `policies-enforced` judges their enforcement.

use crate::case::{
    Case,
    cluster::{Direction, OtherPolicy, Policy},
};
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "network-policies-apply",
    title: "NetworkPolicies bind the pods, in both directions",
    area: Area::Network,
    class: Class::ProductionOnly,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 5,
    protects: "A pod that no policy selects may reach everything, and everything may reach the pod.",
    remedy: "Apply a default-deny NetworkPolicy to the namespace (`deploy/default-deny.yaml`): an empty podSelector, and \
             both Ingress and Egress in policyTypes.",
    explanation: Explanation {
        looks_at: &["cluster"],
        met: "NetworkPolicies bind the pods for ingress and for egress",
        unmet: "no NetworkPolicy binds one of the directions",
        inconclusive: "policies could not be read, changed during the run, or are of kinds that are not evaluated",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &["CIS Kubernetes 5.3.2"],
    judge: Judge::Case(judge),
};

fn judge(case: &Case) -> Judgement {
    let Some(known) = &case.surroundings.in_cluster else {
        return Judgement::not_applicable("there is no cluster");
    };
    if known.is_of_nothing() {
        return Judgement::inconclusive("the namespace has no workload");
    }
    if let Some(pod_view) = known.group.in_the_nodes_network() {
        let because =
            format!("no policy binds {}, which runs in the node's network", pod_view.origin.title());
        return Judgement::unmet(because);
    }
    if let Some(unsettled) = known.unsettled() {
        return Judgement::inconclusive(unsettled);
    }
    let policies = match &known.cluster.policies {
        Ok(_) => known.cluster.policies_on(&known.group.labels),
        Err(unreadable) => return Judgement::inconclusive(unreadable.to_string()),
    };
    let bound = |direction: fn(&Policy) -> Direction| {
        policies.iter().any(|policy| direction(policy) != Direction::Unbound)
    };
    let open: Vec<_> = [("ingress", bound(|it| it.ingress)), ("egress", bound(|it| it.egress))]
        .into_iter()
        .filter(|&(_, bound)| !bound)
        .map(|(direction, _)| direction)
        .collect();
    let names = policies.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>().join(", ");
    if open.is_empty() {
        return Judgement::met("NetworkPolicies bind both directions")
            .citing("cluster", format!("NetworkPolicies: {names}"));
    }
    let because = format!("no NetworkPolicy binds {}", open.join(" and "));
    match &known.cluster.other_policies {
        Ok(others) if others.is_empty() => Judgement::unmet(because),
        Ok(others) => Judgement::inconclusive(format!(
            "{because}; policies of other kinds may do so, and are not evaluated"
        ))
        .citing("cluster", titles(others)),
        Err(unreadable) => Judgement::inconclusive(format!(
            "{because}; it is not known if policies of other kinds do so: {unreadable}"
        )),
    }
}

fn titles(others: &[OtherPolicy]) -> String {
    others.iter().map(|other| other.title.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{fixture, judge::requirement::Outcome};

    #[test]
    fn both_directions_must_be_bound() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        let policies = |case: &mut Case, change: fn(&mut Vec<Policy>)| {
            change(Arc::make_mut(&mut fixture::in_cluster(case).cluster).policies.as_mut().unwrap());
        };
        policies(&mut case, |policies| policies[0].egress = Direction::Unbound);
        let judgement = judge(&case);
        assert_eq!(judgement.outcome, Outcome::Unmet);
        assert!(judgement.because.contains("egress"), "{}", judgement.because);
        policies(&mut case, Vec::clear);
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn policies_that_changed_during_the_run_are_inconclusive() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.changed = vec!["NetworkPolicy default-deny was added".into()];
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("changed during the run"), "{why}");
    }

    #[test]
    fn policies_of_another_kind_are_inconclusive() {
        let mut case = fixture::pod();
        let cluster = Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.policies = Ok(Vec::new());
        cluster.other_policies =
            Ok(vec![OtherPolicy { title: "CiliumNetworkPolicy deny".into(), opens_egress: false }]);
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
