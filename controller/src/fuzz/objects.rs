//! Objects of a cluster: pods, templates, classes, custom kinds with their schemas, and policies of every kind.

use serde_json::Value;

use crate::{
    case::{
        cluster::{Labels, bytes as quantity_of_bytes, millis},
        policy::{
            Direction, Endpoint, Flow, Host, NAME_LABEL, Node, Peer, Policies, Transport, Verdict,
            reach::Nothing,
        },
    },
    run::cluster::survey,
};

/// The most pods of one input whose traffic is evaluated.
const MOST_PODS: usize = 3;
const PORTS: [u16; 4] = [1, 53, 443, 65_535];
const ADDRESSES: [&str; 6] =
    ["10.0.0.1", "169.254.169.254", "203.0.113.7", "255.255.255.255", "::1", "2001:db8::7"];

/// A list of objects is read, whatever is in it. Policies that let nothing leave by their own account let no packet leave.
pub(super) fn objects(bytes: &[u8]) {
    let Ok(Value::Array(objects)) = serde_json::from_slice(bytes) else { return };
    let mut pods: Vec<_> = objects.iter().filter_map(survey::fuzz::read).take(MOST_PODS).collect();
    objects.iter().for_each(quantities);
    pods.push(Endpoint { labels: labels(&[("app", "web")]).into(), ..Endpoint::default() });
    for pod in &mut pods {
        "shop".clone_into(&mut pod.namespace);
        pod.namespace_labels = Some(labels(&[(NAME_LABEL, "shop")]));
    }
    let policies = Policies::of(objects, Vec::new());
    for pod in &pods {
        assert_eq!(policies.binding(pod), policies.binding(&pod.clone()));
        _ = policies.summary(pod);
        for peer in &pods {
            flows(&policies, pod, Peer::Pod(peer));
        }
        let host =
            |is_api_server| Host { address: [10, 0, 0, 1].into(), node: Some(Node::Unknown), is_api_server };
        for is_api_server in [true, false] {
            flows(&policies, pod, Peer::Host(host(is_api_server)));
        }
        leaves(&policies, pod);
    }
}

/// Evaluates the traffic with one peer in both directions.
fn flows(policies: &Policies, pod: &Endpoint, peer: Peer<'_>) {
    for direction in [Direction::Ingress, Direction::Egress] {
        for port in PORTS {
            let flow = Flow { direction, peer, port, transport: Transport::Tcp };
            if let Verdict::NotEvaluated(gaps) = policies.verdict(pod, &flow) {
                assert!(!gaps.is_empty(), "a verdict that hangs on nothing: {flow:?}");
            }
        }
    }
}

/// Asserts that no rule lets a packet leave that the comparison with a limit does not tell.
fn leaves(policies: &Policies, pod: &Endpoint) {
    let excesses = policies.excess(pod, &Nothing);
    for address in ADDRESSES.iter().filter_map(|address| address.parse().ok()) {
        for port in PORTS {
            for transport in [Transport::Tcp, Transport::Udp, Transport::Sctp] {
                let flow =
                    Flow { direction: Direction::Egress, peer: Peer::Address(address), port, transport };
                let verdict = policies.verdict(pod, &flow);
                let told = !excesses.found.is_empty() || !excesses.gaps.is_empty();
                assert!(told || !matches!(verdict, Verdict::Allowed(_)), "{flow:?}: {verdict:?}");
            }
        }
    }
}

/// Parses each short text of a value as a quantity.
fn quantities(value: &Value) {
    match value {
        Value::String(text) if text.len() <= 64 => {
            if let (Some(whole), Some(thousandths)) = (quantity_of_bytes(text), millis(text)) {
                assert!(thousandths >= whole.saturating_sub(1), "{text:?}: {whole}, {thousandths} m");
            }
        }
        Value::Array(items) => items.iter().for_each(quantities),
        Value::Object(fields) => fields.values().for_each(quantities),
        _ => (),
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
