//! The network enforces the declared policies. A declared policy that nothing enforces is the most dangerous state, because
//! everybody relies on it.

use super::network_isolation::{
    self,
    attempted::{self, Attempted},
};
use crate::case::{Case, cluster::Direction, destination::Purpose};
use crate::judge::platforms;
use crate::judge::requirement::{Area, Class, Explanation, Judge, Judgement, Requirement, Scope};

pub(in crate::judge) const REQUIREMENT: Requirement = Requirement {
    id: "policies-enforced",
    title: "The network enforces the NetworkPolicies",
    area: Area::Network,
    class: Class::ProductionOnly,
    scope: Scope::Cluster,
    mandatory: false,
    weight: 5,
    protects: "A CNI plugin that ignores policies leaves every pod open, while every manifest looks right.",
    remedy: "Use a CNI plugin that implements NetworkPolicy on every node (Cilium, Calico, a provider's own), and check its \
             agent on the node that the finding names.",
    explanation: Explanation {
        looks_at: &["cluster", "egress", "control"],
        met: "the policies deny egress, and the sandbox reached nothing that the control pod reached",
        unmet: "the policies deny egress, and the sandbox reached something",
        inconclusive: "nothing shows that the sandbox could have reached anything",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Case(judge),
};

fn judge(case: &Case) -> Judgement {
    let Some(known) = &case.surroundings.in_cluster else {
        return Judgement::not_applicable("there is no cluster");
    };
    if let Some(unsettled) = known.unsettled() {
        return Judgement::inconclusive(unsettled);
    }
    let policies = match &known.cluster.policies {
        Ok(_) => known.cluster.policies_on(&known.group.labels),
        Err(unreadable) => return Judgement::inconclusive(unreadable.to_string()),
    };
    let declared = policies.iter().any(|policy| policy.egress == Direction::Denied)
        && policies.iter().all(|policy| policy.egress != Direction::Allowed);
    if !declared || known.group.in_the_nodes_network().is_some() {
        return Judgement::not_applicable(
            "no policy denies all egress, so that no attempt can show enforcement",
        );
    }
    let attempted = attempted::all(case);
    let reached =
        attempted.iter().find(|it| it.got_through() && it.destination.purpose != Purpose::LoopbackListener);
    if let Some(reached) = reached {
        let place = known.pod.as_ref().and_then(|pod| pod.node.clone()).unwrap_or_default();
        return Judgement::unmet(format!(
            "the policies deny egress, and the sandbox reached {}",
            reached.destination.name()
        ))
        .citing("cluster", format!("policies: {}; node: {place}", known.group.policies.join(", ")))
        .citing_all([reached.cited()]);
    }
    match network_isolation::shown(case, &attempted) {
        Ok((_, citations)) => Judgement::met(
            "the policies deny egress, and the sandbox reached nothing that the control pod reached",
        )
        .citing_all(attempted.iter().map(Attempted::cited))
        .citing_all(citations),
        Err(_) => {
            Judgement::inconclusive("the sandbox reached nothing, and nothing shows that it could have")
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::Reach;

    use super::*;
    use crate::{fixture, judge::requirement::Outcome};

    #[test]
    fn a_policy_that_binds_the_probe_pod_alone_is_inconclusive() {
        let mut case = fixture::pod();
        let known = fixture::in_cluster(&mut case);
        let mut labels = known.group.labels.clone();
        labels.insert("podproof.dev/run".into(), "podproof-1".into());
        known.pod.as_mut().unwrap().labels = Some(labels);
        assert_eq!(judge(&case).outcome, Outcome::Met);
        let policies =
            std::sync::Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster).policies.as_mut();
        let equals = [("podproof.dev/run".to_owned(), "podproof-1".to_owned())].into();
        let odd = crate::case::cluster::Selector { equals, ..Default::default() };
        let policies = policies.unwrap();
        policies.push(crate::case::cluster::Policy {
            name: "odd".into(),
            selector: odd,
            ..policies[0].clone()
        });
        let Outcome::Inconclusive(why) = judge(&case).outcome else { panic!("decided") };
        assert!(why.contains("odd binds the probe pod alone"), "{why}");
    }

    #[test]
    fn a_policy_that_nothing_enforces_is_unmet() {
        let mut case = fixture::pod();
        assert_eq!(judge(&case).outcome, Outcome::Met);
        fixture::attempts(&mut case)[0].reach = Reach::Reached;
        assert_eq!(judge(&case).outcome, Outcome::Unmet);
    }

    #[test]
    fn policies_that_changed_during_the_run_are_inconclusive() {
        let mut case = fixture::pod();
        let cluster = std::sync::Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster);
        cluster.changed = vec!["NetworkPolicy default-deny was removed".into()];
        fixture::attempts(&mut case)[0].reach = Reach::Reached;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }

    #[test]
    fn silence_without_a_control_is_inconclusive() {
        let mut case = fixture::pod();
        case.surroundings.control = crate::case::Control::NotAsked;
        assert!(matches!(judge(&case).outcome, Outcome::Inconclusive(_)));
    }
}
