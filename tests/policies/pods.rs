//! Pods, namespaces and policies, as the programs print them.

use std::collections::BTreeMap;

use controller::case::policy::{Endpoint, NamedPort, Policies, Transport, Verdict, network_policy};
use serde_json::Value;

pub(super) fn labels(value: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(value.clone()).unwrap()
}

pub(super) fn port(value: &Value) -> u16 {
    u16::try_from(value.as_u64().unwrap()).unwrap()
}

pub(super) fn transport(value: &Value) -> Transport {
    Transport::parse(value.as_str().unwrap()).unwrap()
}

/// Returns the pods of a state, by their namespace and name.
pub(super) fn pods(state: &Value) -> BTreeMap<String, Endpoint> {
    let endpoint = |pod: &Value| {
        let namespace = pod["Namespace"].as_str().unwrap();
        let ports = pod["Containers"].as_array().unwrap().iter().map(|container| NamedPort {
            name: container["PortName"].as_str().unwrap().to_owned(),
            number: port(&container["Port"]),
            transport: transport(&container["Protocol"]),
        });
        Endpoint {
            namespace: namespace.to_owned(),
            namespace_labels: Some(labels(&state["Namespaces"][namespace])),
            labels: labels(&pod["Labels"]),
            ports: ports.collect(),
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
pub(super) fn policies(state: &Value) -> Policies {
    let read = state["Policies"].as_array().into_iter().flatten().map(network_policy::read);
    Policies { read: read.collect(), ..Policies::default() }
}

pub(super) fn passes(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Open | Verdict::Allowed(_) => true,
        Verdict::Denied(_) => false,
        Verdict::NotEvaluated(gaps) => panic!("not evaluated: {gaps:?}"),
    }
}
