//! The cases of others for the model of policies, as programs built from Go modules print them.

use std::{collections::BTreeMap, process::Command};

use controller::case::policy::{
    Direction, Endpoint, Flow, NamedPort, Peer, Policies, Transport, Verdict, network_policy,
};
use serde_json::Value;

use crate::cluster::part;

/// Returns the command of a part's only program, which has the part's name. A missing part is built.
pub fn program(name: &str) -> Command {
    Command::new(part(name).join(name))
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Returns a port's number.
pub fn port(value: &Value) -> u16 {
    u16::try_from(value.as_u64().unwrap()).unwrap()
}

/// Returns a protocol by its name.
pub fn transport(value: &Value) -> Transport {
    Transport::parse(value.as_str().unwrap()).unwrap()
}

/// Returns the ports of a pod.
pub fn ports(pod: &Value) -> Vec<NamedPort> {
    let ports = pod["Containers"].as_array().unwrap().iter().map(|container| NamedPort {
        name: container["PortName"].as_str().unwrap().to_owned(),
        number: port(&container["Port"]),
        transport: transport(&container["Protocol"]),
    });
    ports.collect()
}

/// Returns the pods of a state, by their namespace and name.
pub fn pods(state: &Value) -> BTreeMap<String, Endpoint> {
    let endpoint = |pod: &Value| {
        let namespace = pod["Namespace"].as_str().unwrap();
        Endpoint {
            namespace: namespace.to_owned(),
            namespace_labels: Some(labels(&state["Namespaces"][namespace])),
            labels: labels(&pod["Labels"]).into(),
            ports: ports(pod),
            addresses: vec![pod["IP"].as_str().unwrap().parse().unwrap()],
            service_account: "default".to_owned(),
            in_the_nodes_network: false,
        }
    };
    let pods = state["Pods"].as_array().unwrap().iter();
    pods.map(|pod| {
        let key = format!("{}/{}", pod["Namespace"].as_str().unwrap(), pod["Name"].as_str().unwrap());
        (key, endpoint(pod))
    })
    .collect()
}

/// Returns the policies of a state, as the model reads them.
pub fn policies(state: &Value) -> Policies {
    let read = state["Policies"].as_array().into_iter().flatten().map(network_policy::read);
    Policies { read: read.collect(), ..Policies::default() }
}

/// Returns true if traffic passes by this verdict; `None` if the model does not evaluate a policy.
pub fn passes(verdict: &Verdict) -> Option<bool> {
    match verdict {
        Verdict::Open | Verdict::Allowed(_) => Some(true),
        Verdict::Denied(_) => Some(false),
        Verdict::DeniedIfKnown(_) | Verdict::NotEvaluated(_) => None,
    }
}

/// Returns true if a pod connects to another: the traffic may leave the one and enter the other.
pub fn connects(
    policies: &Policies,
    from: &Endpoint,
    to: &Endpoint,
    port: u16,
    transport: Transport,
) -> Option<bool> {
    let passes = |direction, subject, peer| {
        let flow = Flow { direction, peer: Peer::Pod(peer), port, transport };
        passes(&policies.verdict(subject, &flow))
    };
    Some(passes(Direction::Egress, from, to)? && passes(Direction::Ingress, to, from)?)
}
