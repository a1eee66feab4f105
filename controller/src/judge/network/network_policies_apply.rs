//! NetworkPolicies bind the pods in both directions. `policies-enforced` judges their enforcement.

use std::collections::BTreeSet;

use super::network_isolation::{control, declared};
use crate::case::{Case, policy::Direction};
use crate::judge::network::undecided::Step;
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
        return Judgement::undecided(Step::NameClass.because("the namespace has no workload"));
    }
    if let Some(pod_view) = known.group.in_the_nodes_network() {
        let because =
            format!("no policy binds {}, which runs in the node's network", pod_view.origin.title());
        return Judgement::unmet(because);
    }
    if let Err(unsettled) = control::settled(known) {
        return Judgement::undecided(unsettled);
    }
    let endpoint = known.endpoint();
    let policies = &known.cluster.policies;
    let (mut by, mut doubts, mut open) = (BTreeSet::new(), Vec::new(), Vec::new());
    for direction in [Direction::Ingress, Direction::Egress] {
        let (closing, unknown) = policies.closing_by_all(&endpoint, direction);
        if closing.is_empty() {
            open.push(direction.field());
            doubts.extend(unknown);
        }
        by.extend(closing);
    }
    if open.is_empty() {
        let by: Vec<_> = by.into_iter().collect();
        return Judgement::met("policies bind both directions").citing("cluster", by.join(", "));
    }
    let because = format!("no policy binds {}", open.join(" and "));
    doubts.extend(policies.opaque_on(&endpoint).map(|opaque| opaque.gap.clone()));
    if doubts.is_empty() {
        Judgement::unmet(because)
    } else {
        let doubts = declared::in_words(doubts.iter());
        let why = format!("{because} that could be evaluated; others may do so: {doubts}");
        Judgement::undecided(control::doubtful(known, Step::Rewrite).because(why))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{fixture, judge::requirement::Outcome};

    #[test]
    fn both_directions_must_be_bound() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        let ingress = json!({ "podSelector": {}, "policyTypes": ["Ingress"] });
        fixture::bind(&mut case, &[fixture::network_policy("ingress", &ingress)]);
        let judgement = judge(&case);
        assert_eq!(judgement.outcome, Outcome::Unmet);
        assert!(judgement.because.contains("egress"), "{}", judgement.because);
        fixture::bind(&mut case, &[]);
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn policies_that_changed_during_the_run_are_inconclusive() {
        let mut case = fixture::pod();
        fixture::changed(&mut case, "NetworkPolicy default-deny", "removed");
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("changed during the run"), "{why}");
    }

    fn of(group: &str, version: &str, spec: &serde_json::Value) -> serde_json::Value {
        let kind = if group == "cilium.io" { "CiliumNetworkPolicy" } else { "NetworkPolicy" };
        json!({
            "kind": kind, "apiVersion": format!("{group}/{version}"),
            "metadata": { "name": kind, "namespace": "shop" }, "spec": spec,
        })
    }

    fn of_cilium(spec: &serde_json::Value) -> serde_json::Value {
        of("cilium.io", "v2", spec)
    }

    fn of_calico(spec: &serde_json::Value) -> serde_json::Value {
        of("projectcalico.org", "v3", spec)
    }

    #[test]
    fn the_only_implementation_of_the_cluster_decides() {
        let cilium = of_cilium(&json!({ "endpointSelector": {}, "ingress": [{}], "egress": [{}] }));
        let calico = of_calico(&json!({ "selector": "all()", "types": ["Ingress", "Egress"] }));
        for policy in [cilium, calico] {
            let mut case = fixture::pod();
            fixture::bind(&mut case, std::slice::from_ref(&policy));
            assert_eq!(judge(&case).outcome, Outcome::Met, "{policy}");
        }
    }

    #[test]
    fn a_kind_that_one_of_two_implementations_does_not_know_is_inconclusive() {
        let closing = of_cilium(&json!({ "endpointSelector": {}, "ingress": [{}], "egress": [{}] }));
        let ingress = of_calico(&json!({ "selector": "all()", "types": ["Ingress"] }));
        let mut case = fixture::pod();
        fixture::bind(&mut case, &[closing.clone(), ingress.clone()]);
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.starts_with("no policy binds egress that could be evaluated"), "{why}");
        assert!(why.contains("CiliumNetworkPolicy: Calico does not know the kind"), "{why}");
        assert!(
            why.contains("write such policies in a kind that is evaluated, such as NetworkPolicy"),
            "{why}"
        );
        fixture::bind(&mut case, &[closing.clone(), ingress, fixture::default_deny()]);
        assert_eq!(judge(&case).outcome, Outcome::Met, "every implementation knows NetworkPolicy");
        let both = of_calico(&json!({ "selector": "all()", "types": ["Ingress", "Egress"] }));
        fixture::bind(&mut case, &[closing, both]);
        assert_eq!(judge(&case).outcome, Outcome::Met, "each implementation closes by its own kind");
    }

    #[test]
    fn policies_of_another_kind_are_inconclusive() {
        let mut case = fixture::pod();
        let egress = json!({ "kind": "EgressFirewall", "apiVersion": "k8s.ovn.org/v1" });
        fixture::bind(&mut case, &[egress]);
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
