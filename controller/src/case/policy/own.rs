//! Criteria of a rule that the bound pod itself must meet: `source` of Calico's egress rules, and `destination` of its ingress
//! rules (projectcalico, `api/pkg/apis/projectcalico/v3/policy_common.go`, `Rule`).

use std::borrow::Cow;

use super::{
    endpoint::{Endpoint, Peer},
    matching::Match,
    rule::{PeerRule, Rule},
};

impl Rule {
    /// Returns the rule as it is for one pod, without the criteria that the pod meets; `None` if the pod does not meet one of
    /// them, so that the rule matches none of its traffic. A criterion that cannot be evaluated leaves its reason.
    pub(super) fn of(&self, subject: &Endpoint) -> Option<Cow<'_, Self>> {
        let has_own = |peer: &PeerRule| criteria(peer).iter().any(|it| matches!(it, PeerRule::Own(_)));
        let Some(peers) = self.peers.as_ref().filter(|peers| peers.iter().any(has_own)) else {
            return Some(Cow::Borrowed(self));
        };
        let mut left = Vec::new();
        for mut rest in peers.iter().filter_map(|peer| others(peer, subject)) {
            match (rest.len(), rest.pop()) {
                (_, None) => return Some(Cow::Owned(Self { peers: None, ..self.clone() })),
                (1, Some(only)) => left.push(only),
                (_, Some(last)) => {
                    rest.push(last);
                    left.push(PeerRule::All(rest));
                }
            }
        }
        (!left.is_empty()).then(|| Cow::Owned(Self { peers: Some(left), ..self.clone() }))
    }
}

fn criteria(peer: &PeerRule) -> &[PeerRule] {
    match peer {
        PeerRule::All(criteria) => criteria,
        criterion => std::slice::from_ref(criterion),
    }
}

/// Returns the criteria for the peer itself; `None` if the pod does not meet a criterion for the pod.
fn others(peer: &PeerRule, subject: &Endpoint) -> Option<Vec<PeerRule>> {
    let mut others = Vec::new();
    for criterion in criteria(peer) {
        let PeerRule::Own(own) = criterion else {
            others.push(criterion.clone());
            continue;
        };
        match own.matches(subject, Peer::Pod(subject)) {
            Match::Yes => (),
            Match::No => return None,
            Match::Unknown(why) => others.push(PeerRule::Unread(why)),
        }
    }
    Some(others)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::case::policy::{
        Action, Direction, Endpoint, Flow, Pass, Peer, Policies, Transport, reach::Nothing,
    };

    fn pod(role: &str) -> Endpoint {
        let labels = [("role".to_owned(), role.to_owned())].into_iter().collect();
        Endpoint { namespace: "shop".into(), labels, ..Endpoint::default() }
    }

    /// Returns a policy of Calico for every pod with these rules, where no set of addresses exists.
    fn policies(rules: &Value, direction: Direction) -> Policies {
        let field = direction.field();
        let mut objects: Vec<_> = ["NetworkSetList", "GlobalNetworkSetList", "HostEndpointList"]
            .map(|kind| json!({ "apiVersion": "crd.projectcalico.org/v1", "kind": kind, "items": [] }))
            .into();
        objects.push(json!({
            "apiVersion": "crd.projectcalico.org/v1",
            "kind": "NetworkPolicy",
            "metadata": { "name": "default.own", "namespace": "shop" },
            "spec": { "selector": "all()", "types": ["Ingress", "Egress"], field: rules },
        }));
        Policies::of(objects, Vec::new())
    }

    /// Criteria that the pod with the role `crawler` meets, and the one with the role `web` does not.
    fn of_the_crawler() -> [Value; 3] {
        [
            json!({ "selector": "role == 'crawler'" }),
            json!({ "notSelector": "role != 'crawler'" }),
            json!({ "selector": "has(role)", "notSelector": "role == 'web' || role == 'api'" }),
        ]
    }

    fn egress(source: &Value) -> Policies {
        policies(&json!([{ "action": "Allow", "source": source }]), Direction::Egress)
    }

    fn ingress(destination: &Value) -> Policies {
        policies(&json!([{ "action": "Allow", "destination": destination }]), Direction::Ingress)
    }

    #[test]
    fn pods_are_bound_otherwise_if_one_meets_a_criterion_for_the_pod_itself() {
        for own in of_the_crawler() {
            for policies in [egress(&own), ingress(&own)] {
                let [web, api, crawler] = ["web", "api", "crawler"].map(|role| policies.binding(&pod(role)));
                assert_ne!(web, crawler, "{own}");
                assert_eq!(web, api, "{own}");
            }
        }
    }

    #[test]
    fn a_rule_for_some_pods_exceeds_the_limit_of_those_pods_alone() {
        for source in of_the_crawler() {
            let found = |role| !egress(&source).excess(&pod(role), &Nothing).found.is_empty();
            assert!(found("crawler") && !found("web"), "{source}");
        }
    }

    #[test]
    fn a_rule_for_some_pods_to_other_pods_exceeds_the_limit_of_those_pods_alone() {
        let rule = json!([{
            "action": "Allow",
            "source": { "selector": "role == 'crawler'" },
            "destination": { "selector": "role == 'db'" },
        }]);
        let policies = policies(&rule, Direction::Egress);
        let found = |role| !policies.excess(&pod(role), &Nothing).found.is_empty();
        assert!(found("crawler") && !found("web"));
    }

    #[test]
    fn only_the_pods_of_a_rule_are_said_to_be_entered() {
        let entered = |role| {
            let passes =
                ingress(&json!({ "selector": "role == 'crawler'" })).summary(&pod(role)).ingress.passes;
            passes.into_iter().map(|Pass { action, peers, .. }| (action, peers)).collect::<Vec<_>>()
        };
        assert_eq!((entered("crawler"), entered("web")), (vec![(Action::Allow, vec![])], vec![]));
    }

    #[test]
    fn an_address_of_the_pod_that_is_not_known_is_a_gap() {
        let policies = egress(&json!({ "nets": ["10.0.0.0/8"] }));
        assert!(!policies.excess(&pod("web"), &Nothing).gaps.is_empty());
    }

    #[test]
    fn a_rule_for_some_pods_passes_the_same_traffic_as_before() {
        let own = json!({ "selector": "role == 'crawler'" });
        let peer = Peer::Address([192, 0, 2, 1].into());
        let flow = Flow { direction: Direction::Egress, peer, port: 443, transport: Transport::Tcp };
        let passes = |role| egress(&own).verdict(&pod(role), &flow).strictness() == 0;
        assert!(passes("crawler") && !passes("web"));
    }
}
