//! Tables of Cilium's policies and of the traffic that they let pass. Each case cites the source of Cilium 1.20.

mod binding;
mod peers;
mod ports;
mod reach;
mod refused;

use serde_json::{Value, json};

use crate::case::policy::{
    Direction, Endpoint, Flow, Host, NamedPort, Node, Peer, Policies, Transport, Verdict,
};

/// The result of a question, as short as a table needs it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Is {
    Passing,
    Closed,
    NotEvaluated,
}

use Is::{Closed, NotEvaluated, Passing};

fn pod(namespace: &str, labels: &[(&str, &str)], address: [u8; 4]) -> Endpoint {
    let owned = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    Endpoint {
        namespace: namespace.into(),
        namespace_labels: Some(owned(&[("team", namespace)])),
        labels: owned(labels).into(),
        ports: vec![NamedPort { name: "http".into(), number: 8080, transport: Transport::Tcp }],
        addresses: vec![address.into()],
        service_account: "robot".to_owned(),
        in_the_nodes_network: false,
    }
}

fn web() -> Endpoint {
    pod("shop", &[("app", "web")], [10, 0, 0, 1])
}

fn outside() -> Peer<'static> {
    Peer::Address([192, 0, 2, 1].into())
}

fn host(node: Option<Node>, is_api_server: bool) -> Peer<'static> {
    Peer::Host(Host { address: [172, 16, 0, 1].into(), node, is_api_server })
}

/// A `CiliumNetworkPolicy` of namespace `shop`.
fn namespaced(spec: &Value) -> Value {
    json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": { "namespace": "shop", "name": "cnp" },
        "spec": spec,
    })
}

fn clusterwide(spec: &Value) -> Value {
    json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumClusterwideNetworkPolicy",
        "metadata": { "name": "ccnp" },
        "spec": spec,
    })
}

fn verdict(
    objects: &[Value],
    subject: &Endpoint,
    direction: Direction,
    peer: Peer<'_>,
    port: u16,
) -> Verdict {
    let flow = Flow { direction, peer, port, transport: Transport::Tcp };
    Policies::of(objects.to_vec(), Vec::new()).verdict(subject, &flow)
}

fn is(verdict: &Verdict) -> Is {
    match verdict {
        Verdict::Open | Verdict::Allowed(_) => Passing,
        Verdict::Denied(_) | Verdict::DeniedIfKnown(_) => Closed,
        Verdict::NotEvaluated(_) => NotEvaluated,
    }
}

/// Returns the verdict on port 443 of a peer for egress by a rule of a `CiliumNetworkPolicy`.
fn by_rule(rule: &Value, peer: Peer<'_>) -> Is {
    let object = namespaced(&json!({ "endpointSelector": {}, "egress": [rule] }));
    is(&verdict(&[object], &web(), Direction::Egress, peer, 443))
}
