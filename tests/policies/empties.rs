//! Empty lists and empty rules, as the tables of Cilium's own unit tests know them (`pkg/policy` of its Go module). The tables are
//! read from their source, so that each new release brings its own.

use std::fs;

use controller::case::policy::{Direction, Endpoint, Flow, Peer, Policies, Transport};
use serde_json::{Map, Value, json};
use stage::policies::passes;

use crate::examples::module;

/// The lists of rules in the source, and in an object of the API.
const LISTS: [(&str, &str); 4] = [
    ("Ingress:", "ingress"),
    ("IngressDeny:", "ingressDeny"),
    ("Egress:", "egress"),
    ("EgressDeny:", "egressDeny"),
];

/// Returns the text of a test's function.
fn function(file: &str, name: &str) -> String {
    let source = fs::read_to_string(module().join("pkg/policy").join(file)).unwrap();
    let (_, rest) =
        source.split_once(&format!("func {name}(")).unwrap_or_else(|| panic!("{file} has no {name}"));
    rest.split_once("\n}\n").unwrap().0.to_owned()
}

fn policies(spec: &Value) -> Policies {
    let object = json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumClusterwideNetworkPolicy",
        "metadata": { "name": "case" },
        "spec": spec,
    });
    Policies::of(vec![object], Vec::new())
}

fn pod(address: [u8; 4]) -> Endpoint {
    Endpoint {
        namespace: "default".to_owned(),
        namespace_labels: Some([].into()),
        labels: [("id".to_owned(), "a".to_owned())].into_iter().collect(),
        service_account: "default".to_owned(),
        addresses: vec![address.into()],
        ..Endpoint::default()
    }
}

/// Returns true if another pod reaches the pod, or is reached by it; `None` if the model does not evaluate the policy.
fn reaches(policies: &Policies, direction: Direction, port: u16, transport: Transport) -> Option<bool> {
    let (subject, other) = (pod([10, 0, 0, 1]), pod([10, 0, 0, 2]));
    let flow = Flow { direction, peer: Peer::Pod(&other), port, transport };
    passes(&policies.verdict(&subject, &flow))
}

/// Each row gives lists with an empty rule, and the directions that they close.
#[test]
fn a_direction_is_closed_as_cilium_fills_the_default_in() {
    let table = function("api/rule_validation_test.go", "TestSanitizeDefaultDeny");
    let table = table.split_once("b := tc.before").unwrap().0;
    let rows: Vec<_> = table.split("before:").skip(1).collect();
    assert!(rows.len() >= 8, "{} rows are too few to be all", rows.len());
    for row in rows {
        let mut spec = Map::from_iter([("endpointSelector".to_owned(), json!({}))]);
        for (field, list) in LISTS {
            let is_given = row.split_whitespace().any(|word| word == field);
            spec.extend(is_given.then(|| (list.to_owned(), json!([{}]))));
        }
        let wants = |want: &str| {
            row.split_whitespace().collect::<Vec<_>>().join(" ").contains(&format!("{want}: true"))
        };
        let policies = policies(&Value::Object(spec));
        if wants("wantError") {
            assert_eq!(
                reaches(&policies, Direction::Egress, 80, Transport::Tcp),
                Some(true),
                "refused: {row}"
            );
            continue;
        }
        for (direction, want) in [(Direction::Ingress, "wantIngress"), (Direction::Egress, "wantEgress")] {
            assert_eq!(
                reaches(&policies, direction, 80, Transport::Tcp),
                Some(!wants(want)),
                "{direction:?}: {row}"
            );
        }
    }
}

/// Each case is a rule with every peer, with an empty list of peers or without peers, and with a port, every port or no port.
#[test]
fn an_empty_list_of_peers_selects_nothing_and_none_selects_all_at_a_port() {
    let cases = function("l4_filter_test.go", "TestL3Wildcarding");
    let mut count = 0;
    for case in cases.split(" := api.Rule{").skip(1) {
        let (rule, rest) = case.split_once("td.policyMapEquals(t, ").unwrap();
        let expected = rest.split_once(", nil, &rule").unwrap().0;
        let mut spec = Map::new();
        if rule.contains("FromEndpoints:") {
            let every = rule.contains("FromEndpoints: []api.EndpointSelector{api.WildcardEndpointSelector}");
            spec.insert("fromEndpoints".to_owned(), if every { json!([{}]) } else { json!([]) });
        }
        let port = rule.split_once("Port: \"").map(|(_, port)| port.split_once('"').unwrap().0);
        spec.extend(
            port.map(|port| {
                ("toPorts".to_owned(), json!([{ "ports": [{ "port": port, "protocol": "TCP" }] }]))
            }),
        );
        let policies = policies(&json!({ "endpointSelector": {}, "ingress": [spec] }));
        let passing = match expected {
            "expected80" => [true, false, false],
            "expected0" => [true, true, false],
            "expectedAny" => [true, true, true],
            "L4PolicyMaps{makeL4PolicyMap()}" => [false, false, false],
            other => panic!("{other} is not known"),
        };
        let asked = [(80, Transport::Tcp), (81, Transport::Tcp), (80, Transport::Udp)];
        let found = asked.map(|(port, transport)| reaches(&policies, Direction::Ingress, port, transport));
        assert_eq!(found, passing.map(Some), "{rule}");
        count += 1;
    }
    assert!(count >= 9, "{count} cases are too few to be all");
}

/// The rules of these tests select nobody on port 80, to whom they would open or close it.
#[test]
fn an_empty_list_of_peers_selects_nothing_for_egress_and_for_denial() {
    let egress = function("l4_filter_test.go", "TestEgressEmptyToEndpoints");
    assert!(egress.contains("ToEndpoints: []api.EndpointSelector{}") && egress.contains("makeL4PolicyMap()"));
    let denial = function("l4_filter_deny_test.go", "TestMergeDenyAllL3");
    assert!(
        denial.contains("FromEndpoints: []api.EndpointSelector{}") && denial.contains("makeL4PolicyMap()")
    );
    let nobody =
        |peers: &str| json!([{ peers: [], "toPorts": [{ "ports": [{ "port": "80", "protocol": "TCP" }] }] }]);
    let opening = policies(&json!({ "endpointSelector": {}, "egress": nobody("toEndpoints") }));
    assert_eq!(reaches(&opening, Direction::Egress, 80, Transport::Tcp), Some(false));
    let all = json!([{ "fromEntities": ["all"] }]);
    let denying = json!({ "endpointSelector": {}, "ingress": all, "ingressDeny": nobody("fromEndpoints") });
    assert_eq!(reaches(&policies(&denying), Direction::Ingress, 80, Transport::Tcp), Some(true));
}
