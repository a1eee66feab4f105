//! Peers that policies cannot tell apart.

use super::{
    Policies,
    endpoint::{Direction, Endpoint, Peer},
    matching::Match,
    rule::Rule,
};

impl Policies {
    /// Returns true if every rule that may apply to an endpoint's traffic treats two peers alike. Unknown parts, such as a
    /// selection that cannot be evaluated, then mean the same for both: the endpoint lets in one exactly where it lets in the
    /// other. A policy whose content is not known may tell any peers apart.
    pub fn treats_alike(&self, subject: &Endpoint, direction: Direction, peers: [&Endpoint; 2]) -> bool {
        let bound = self.read.iter().filter(|policy| policy.subject.selects(subject) != Match::No);
        let mut sections = bound.filter_map(|policy| Some((policy, policy.section(direction)?)));
        self.opaque_on(subject).next().is_none()
            && sections.all(|(policy, section)| {
                let alike = |rule: &Rule| {
                    let [one, other] = peers.map(|peer| rule.matches_peer(subject, Peer::Pod(peer)));
                    one == other && !matches!(one, Match::Unknown(_))
                };
                policy.subject.pods.is_ok() && section.rules.iter().all(alike)
            })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(namespace: &str) -> Endpoint {
        Endpoint { namespace: namespace.into(), ..Endpoint::default() }
    }

    fn alike(ingress: &Value) -> bool {
        let policy = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": { "name": "gate", "namespace": "podproof" },
            "spec": { "podSelector": {}, "policyTypes": ["Ingress"], "ingress": ingress },
        });
        let policies = Policies::of(vec![policy], Vec::new());
        policies.treats_alike(&pod("podproof"), Direction::Ingress, [&pod("shop"), &pod("podproof")])
    }

    #[test]
    fn rules_without_peers_treat_all_peers_alike() {
        assert!(alike(&json!([])));
        assert!(alike(&json!([{ "ports": [{ "port": 8790 }] }])));
        assert!(alike(&json!([{ "from": [{ "namespaceSelector": {} }] }])));
    }

    #[test]
    fn a_rule_for_one_namespace_tells_peers_apart() {
        assert!(!alike(&json!([{ "from": [{ "podSelector": {} }] }])));
    }

    #[test]
    fn a_block_of_addresses_is_not_compared_with_unknown_addresses() {
        assert!(!alike(&json!([{ "from": [{ "ipBlock": { "cidr": "10.0.0.0/8" } }] }])));
    }

    #[test]
    fn a_policy_of_an_unknown_kind_may_tell_any_peers_apart() {
        let other =
            json!({ "apiVersion": "example.org/v1", "kind": "NetworkPolicy", "metadata": { "name": "x" } });
        let policies = Policies::of(vec![other], Vec::new());
        assert!(!policies.treats_alike(
            &pod("podproof"),
            Direction::Ingress,
            [&pod("shop"), &pod("podproof")]
        ));
    }
}
