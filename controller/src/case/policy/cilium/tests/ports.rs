//! The ports that a rule matches (`rule.mergeL4Filter`, `PortProtocol.sanitize`).

use super::*;

fn on(rule: &Value, direction: Direction, port: u16, transport: Transport) -> Is {
    let object = namespaced(&json!({ "endpointSelector": {}, direction.field(): [rule] }));
    let peer = pod("shop", &[], [10, 0, 0, 2]);
    let flow = Flow { direction, peer: Peer::Pod(&peer), port, transport };
    is(&Policies::of(vec![object], Vec::new()).verdict(&web(), &flow))
}

#[test]
fn ports_match_by_number_range_name_and_protocol() {
    for (port, number, [tcp, udp]) in [
        (json!({ "port": "443" }), 443, [true, true]),
        (json!({ "port": "443", "protocol": "ANY" }), 443, [true, true]),
        (json!({ "port": "443", "protocol": "TCP" }), 443, [true, false]),
        (json!({ "port": "443", "protocol": "udp" }), 443, [false, true]),
        (json!({ "port": "443", "protocol": "SCTP" }), 443, [false, false]),
        (json!({ "port": "443" }), 444, [false, false]),
        (json!({ "port": "0" }), 9, [true, true]),
        (json!({ "port": "0", "protocol": "UDP" }), 9, [false, true]),
        (json!({ "port": "1", "endPort": 9 }), 9, [true, true]),
        (json!({ "port": "1", "endPort": 9 }), 10, [false, false]),
        (json!({ "port": "9", "endPort": 0 }), 9, [true, true]),
        (json!({ "port": "http" }), 8080, [true, false]),
        (json!({ "port": "HTTP" }), 8080, [true, false]),
        (json!({ "port": "http", "protocol": "UDP" }), 8080, [false, false]),
        (json!({ "port": "none" }), 8080, [false, false]),
        (json!({ "protocol": "GRE" }), 9, [false, false]),
    ] {
        let rule = json!({ "toPorts": [{ "ports": [port] }] });
        for direction in [Direction::Egress, Direction::Ingress] {
            for (transport, passes) in [(Transport::Tcp, tcp), (Transport::Udp, udp)] {
                let expected = if passes { Passing } else { Closed };
                assert_eq!(
                    on(&rule, direction, number, transport),
                    expected,
                    "{port} {direction:?} {transport}"
                );
            }
        }
    }
}

#[test]
fn a_rule_without_ports_is_for_every_port_and_an_item_without_ports_for_none() {
    for (rule, expected) in [
        (json!({ "toEntities": ["all"] }), Passing),
        (json!({ "toEntities": ["all"], "toPorts": [] }), Passing),
        (json!({ "toEntities": ["all"], "icmps": [] }), Passing),
        (json!({ "toPorts": [] }), Closed),
        (json!({ "toEntities": ["all"], "toPorts": [{}] }), Closed),
        (json!({ "toEntities": ["all"], "toPorts": [{ "ports": [] }] }), Closed),
        (json!({ "toPorts": [{}, { "ports": [{ "port": "9" }] }] }), Passing),
        // A rule for ICMP lets no connection pass.
        (json!({ "toEntities": ["all"], "icmps": [{ "fields": [{ "type": 8 }] }] }), Closed),
        (json!({ "icmps": [{ "fields": [{ "type": 8 }] }] }), Closed),
    ] {
        assert_eq!(on(&rule, Direction::Egress, 9, Transport::Tcp), expected, "{rule}");
    }
}

/// Rules of applications narrow what passes on a port: the port itself passes.
#[test]
fn rules_of_applications_and_authentication_leave_the_port_passing() {
    for extra in [
        json!({ "rules": { "http": [{ "method": "GET" }] } }),
        json!({ "rules": { "dns": [{ "matchPattern": "*" }] } }),
        json!({ "serverNames": ["example.org"] }),
        json!({ "listener": { "name": "x" } }),
    ] {
        let mut item = extra.clone();
        item["ports"] = json!([{ "port": "9" }]);
        let rule =
            json!({ "toEntities": ["all"], "toPorts": [item], "authentication": { "mode": "required" } });
        assert_eq!(on(&rule, Direction::Egress, 9, Transport::Tcp), Passing, "{extra}");
        assert_eq!(on(&rule, Direction::Egress, 10, Transport::Tcp), Closed, "{extra}");
    }
}

#[test]
fn a_named_port_of_an_address_matches_nothing() {
    let rule = json!({ "toPorts": [{ "ports": [{ "port": "http" }] }] });
    let object = namespaced(&json!({ "endpointSelector": {}, "egress": [rule] }));
    assert_eq!(is(&verdict(&[object], &web(), Direction::Egress, outside(), 8080)), Closed);
}

#[test]
fn a_rule_that_denies_a_port_leaves_the_others() {
    let object = namespaced(&json!({
        "endpointSelector": {},
        "egress": [{ "toEntities": ["all"] }],
        "egressDeny": [{ "toEntities": ["world"], "toPorts": [{ "ports": [{ "port": "25" }] }] }],
    }));
    let to = |peer, port| is(&verdict(std::slice::from_ref(&object), &web(), Direction::Egress, peer, port));
    assert_eq!((to(outside(), 25), to(outside(), 443)), (Closed, Passing));
    assert_eq!(to(host(Some(Node::Another), false), 25), Passing);
}
