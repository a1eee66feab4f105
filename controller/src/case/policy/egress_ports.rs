//! The ports that policies let leave, on which the run's own listener listens, too.

use super::{
    Policies,
    endpoint::{Direction, Endpoint, Transport},
    matching::Match,
    rule::{Action, PortRange, PortRule},
};

impl Policies {
    /// Returns the ports that rules let leave an endpoint, each once and in the order of the policies; of a range the first
    /// port. A rule for every port names none. The peers of a rule do not count: the network may enforce ports alone.
    pub fn egress_ports(&self, subject: &Endpoint) -> Vec<(Transport, u16)> {
        let bound = self.read.iter().filter(|policy| policy.subject.selects(subject) != Match::No);
        let rules = bound.filter_map(|policy| policy.section(Direction::Egress)).flat_map(|it| &it.rules);
        let passing = rules.filter(|rule| rule.action == Action::Allow && rule.of(subject).is_some());
        let mut ports = Vec::new();
        for port in passing.flat_map(|rule| rule.ports.iter().flatten()) {
            if let PortRule::Ports(transport, PortRange::Numbers(first, _)) = port
                && !ports.contains(&(*transport, *first))
            {
                ports.push((*transport, *first));
            }
        }
        ports
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn ports(egress: &Value) -> Vec<(Transport, u16)> {
        let policy = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": { "name": "some", "namespace": "shop" },
            "spec": {
                "podSelector": { "matchLabels": { "app": "web" } },
                "policyTypes": ["Egress"],
                "egress": egress,
            },
        });
        let labels = [("app".to_owned(), "web".to_owned())].into_iter().collect();
        let subject = Endpoint { namespace: "shop".into(), labels, ..Endpoint::default() };
        Policies::of(vec![policy], Vec::new()).egress_ports(&subject)
    }

    #[test]
    fn each_port_counts_once_and_a_range_by_its_first_port() {
        let egress = json!([
            { "ports": [{ "port": 5432 }, { "port": 8000, "endPort": 9000 }] },
            { "ports": [{ "protocol": "UDP", "port": 53 }, { "port": 5432 }], "to": [{ "podSelector": {} }] },
        ]);
        assert_eq!(ports(&egress), [(Transport::Tcp, 5432), (Transport::Tcp, 8000), (Transport::Udp, 53)]);
    }

    #[test]
    fn a_rule_for_every_port_and_a_named_port_name_no_number() {
        assert_eq!(ports(&json!([{}, { "ports": [{ "protocol": "UDP" }, { "port": "web" }] }])), []);
    }
}
