//! The network enforces the declared policies. A declared policy that nothing enforces is the most dangerous state, because
//! everybody relies on it.

use super::network_isolation::{
    self,
    attempted::{self, Attempted},
    control,
    declared::{self, Comparison},
};
use crate::case::{
    Case, InCluster,
    destination::Purpose,
    policy::{Direction, Flow, Peer, Verdict},
};
use crate::judge::network::undecided::{Step, Undecided};
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
        met: "the policies close egress, and the sandbox reached nothing that they deny and the control pod reached",
        unmet: "the sandbox reached something that the policies deny",
        inconclusive: "nothing shows that the sandbox could have reached anything",
        on_platforms: platforms::NETWORK_ON_PLATFORMS,
    },
    mappings: &[],
    judge: Judge::Network(judge),
};

fn judge(case: &Case, comparison: &Comparison<'_>) -> Judgement {
    let Some(known) = &case.surroundings.in_cluster else {
        return Judgement::not_applicable("there is no cluster");
    };
    if let Err(unsettled) = control::settled(known) {
        return Judgement::undecided(unsettled);
    }
    let endpoint = known.endpoint();
    let (closing, doubts) = known.cluster.policies.closing(&endpoint, Direction::Egress);
    if closing.is_empty() {
        if let Some(unread) = known.cluster.policies.unread().next() {
            return Judgement::undecided(Step::Permit.because(unread.to_string()));
        }
        if !doubts.is_empty() {
            let doubts = declared::in_words(doubts.iter());
            return Judgement::undecided(
                Step::Rewrite.because(format!("it is not known if a policy closes egress: {doubts}")),
            );
        }
    }
    if closing.is_empty() || known.group.in_the_nodes_network().is_some() {
        return Judgement::not_applicable("no policy closes egress, so that no attempt can show enforcement");
    }
    if let Err(left_out) = control::attempts_were_made(case, "nothing shows that the network enforces them") {
        return Judgement::undecided(left_out);
    }
    let attempted = attempted::all(case);
    if let Some((reached, by)) = attempted.iter().find_map(|it| Some((it, denied(known, it)?))) {
        let place = known.pod.as_ref().and_then(|pod| pod.node.clone()).unwrap_or_default();
        return Judgement::unmet(format!(
            "the sandbox reached {}, which {by} denies",
            reached.destination.name()
        ))
        .citing("cluster", format!("policies: {}; node: {place}", known.group.policies.join(", ")))
        .citing_all([reached.cited()]);
    }
    match network_isolation::silent(case, comparison, &attempted) {
        Ok((_, citations)) => Judgement::met(
            "the policies close egress, and the sandbox reached nothing that they deny and the control pod reached",
        )
        .citing_all(attempted.iter().map(Attempted::cited))
        .citing_all(citations),
        Err(_) if attempted.iter().any(Attempted::got_through) => Judgement::not_applicable(
            "the policies let pass what the sandbox reached, so that no attempt shows enforcement",
        ),
        Err(Undecided { step, .. }) => Judgement::undecided(
            step.because("the sandbox reached nothing, and nothing shows that it could have"),
        ),
    }
}

/// Returns the policies that deny a destination that the sandbox reached at its own address. Most CNI plugins let a pod reach its own node, and a
/// rule for pods may also let traffic to a Service pass.
fn denied(known: &InCluster, it: &Attempted<'_>) -> Option<String> {
    let purpose = it.destination.purpose;
    if it.was_led_elsewhere()
        || !it.got_through()
        || matches!(purpose, Purpose::LoopbackListener | Purpose::Node | Purpose::Kubelet)
    {
        return None;
    }
    let (target, transport) = (&it.destination.target, it.transport()?);
    let (policies, endpoint) = (&known.cluster.policies, known.endpoint());
    let listeners = known.listeners_at(target.address);
    if !listeners.is_empty() {
        let by = listeners.iter().map(|listener| {
            let peer = Peer::Pod(listener);
            let flow = Flow { direction: Direction::Egress, peer, port: target.port, transport };
            match policies.verdict(&endpoint, &flow) {
                Verdict::Denied(by) | Verdict::DeniedIfKnown(by) => Some(by.join(", ")),
                Verdict::Open | Verdict::Allowed(_) | Verdict::NotEvaluated(_) => None,
            }
        });
        return by.collect::<Option<Vec<_>>>()?.pop();
    }
    declared::denies(known, target.address, target.port, transport)
}

#[cfg(test)]
mod tests {
    use proto::Reach;
    use serde_json::json;

    use super::*;
    use crate::{
        case::cluster::{ControlPods, Labels},
        fixture,
        judge::requirement::Outcome,
    };

    fn judge(case: &Case) -> Judgement {
        super::judge(case, &Comparison::of(case))
    }

    #[test]
    fn the_listener_is_a_pod_and_no_mere_address() {
        let mut case = fixture::pod();
        let selector = json!({ "matchLabels": { "app": "dns" } });
        let to = json!([{ "to": [{ "namespaceSelector": {}, "podSelector": selector }] }]);
        let spec = json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": to });
        fixture::bind(&mut case, &[fixture::network_policy("dns", &spec)]);
        fixture::attempts(&mut case)[0].reach = Reach::Reached;
        assert_ne!(judge(&case).outcome, Outcome::Unmet, "an address may be a pod of any labels");
        let mut pods = ControlPods::planned(&Labels::new());
        pods.listener.addresses = vec!["10.244.0.9".parse().unwrap()];
        fixture::in_cluster(&mut case).control_pods = Some(pods.clone());
        let judgement = judge(&case);
        assert_eq!(judgement.outcome, Outcome::Unmet);
        assert!(
            judgement.because.contains("10.244.0.9:8790, which NetworkPolicy dns denies"),
            "{judgement:?}"
        );
        pods.listener.later_labels = Some([("app".to_owned(), "dns".to_owned())].into());
        fixture::in_cluster(&mut case).control_pods = Some(pods);
        assert_ne!(judge(&case).outcome, Outcome::Unmet, "the rule selects the listener later");
    }

    #[test]
    fn a_policy_that_binds_the_probe_pod_alone_is_inconclusive() {
        let mut case = fixture::pod();
        let known = fixture::in_cluster(&mut case);
        let mut labels = known.group.labels.clone();
        labels.insert("podproof.dev/run".into(), "podproof-1".into());
        known.pod.as_mut().unwrap().labels = Some(labels);
        assert_eq!(judge(&case).outcome, Outcome::Met);
        let selector = serde_json::json!({ "matchLabels": { "podproof.dev/run": "podproof-1" } });
        let odd = serde_json::json!({ "podSelector": selector, "egress": [{}] });
        fixture::bind(&mut case, &[fixture::default_deny(), fixture::network_policy("odd", &odd)]);
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
    fn a_port_that_a_policy_lets_leave_shows_nothing_of_the_others() {
        let mut case = fixture::pod();
        let spec = json!({ "podSelector": {}, "egress": [{ "ports": [{ "port": 443 }] }] });
        fixture::bind(&mut case, &[fixture::default_deny(), fixture::network_policy("some", &spec)]);
        let ends = (Reach::Reached, Reach::Reached);
        fixture::also(&mut case, Purpose::ListenerOnPolicyPort, "10.244.0.9", ends);
        assert_eq!(judge(&case).outcome, Outcome::Met);
    }

    #[test]
    fn policies_that_changed_during_the_run_are_inconclusive() {
        let mut case = fixture::pod();
        fixture::changed(&mut case, "NetworkPolicy default-deny", "removed");
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
