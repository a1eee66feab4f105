//! The model of policies beside the truth tables of cyclonus (`github.com/mattfenwick/cyclonus`). A program of the tests
//! generates its cases, and simulates each of them by its own matcher.
#![forbid(unsafe_code)]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends here"
)]

use std::{collections::BTreeMap, path::Path, process::Command};

use controller::case::policy::{
    Direction, Endpoint, Flow, NamedPort, Peer, Policies, Transport, Verdict, network_policy,
};
use serde_json::Value;

const PARTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/parts/build");
/// Pairs of pods, with a port, a protocol and a direction, that the generated cases have at least.
const CELLS: usize = 200_000;

fn cases() -> String {
    let built = Command::new(PARTS).arg("cyclonus").output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let folder = String::from_utf8(built.stdout).unwrap();
    let printed = Command::new(Path::new(folder.trim()).join("cyclonus")).output().unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    String::from_utf8(printed.stdout).unwrap()
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(value.clone()).unwrap()
}

fn port(value: &Value) -> u16 {
    u16::try_from(value.as_u64().unwrap()).unwrap()
}

fn transport(value: &Value) -> Transport {
    Transport::parse(value.as_str().unwrap()).unwrap()
}

/// Returns the pods of a step, by their namespace and name.
fn pods(step: &Value) -> BTreeMap<String, Endpoint> {
    let endpoint = |pod: &Value| {
        let namespace = pod["Namespace"].as_str().unwrap();
        let ports = pod["Containers"].as_array().unwrap().iter().map(|container| NamedPort {
            name: container["PortName"].as_str().unwrap().to_owned(),
            number: port(&container["Port"]),
            transport: transport(&container["Protocol"]),
        });
        Endpoint {
            namespace: namespace.to_owned(),
            namespace_labels: Some(labels(&step["Namespaces"][namespace])),
            labels: labels(&pod["Labels"]),
            ports: ports.collect(),
            addresses: vec![pod["IP"].as_str().unwrap().parse().unwrap()],
            service_account: "default".to_owned(),
            in_the_nodes_network: false,
        }
    };
    let pods = step["Pods"].as_array().unwrap().iter();
    pods.map(|pod| {
        let key = format!("{}/{}", pod["Namespace"].as_str().unwrap(), pod["Name"].as_str().unwrap());
        (key, endpoint(pod))
    })
    .collect()
}

fn is_let_pass(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Open | Verdict::Allowed(_) => true,
        Verdict::Denied(_) => false,
        Verdict::NotEvaluated(gaps) => panic!("not evaluated: {gaps:?}"),
    }
}

#[test]
fn every_cell_of_the_truth_tables_of_cyclonus_is_the_same() {
    let (mut cells, mut allowed, mut different) = (0, 0, Vec::new());
    for line in cases().lines() {
        let step: Value = serde_json::from_str(line).unwrap();
        let pods = pods(&step);
        let read = step["Policies"].as_array().into_iter().flatten().map(network_policy::read);
        let policies = Policies { read: read.collect(), ..Policies::default() };
        for cell in step["Cells"].as_array().unwrap() {
            let end = |field: &str| &pods[cell[field].as_str().unwrap()];
            let (from, to) = (end("From"), end("To"));
            for (direction, subject, peer, expected) in [
                (Direction::Egress, from, to, &cell["Egress"]),
                (Direction::Ingress, to, from, &cell["Ingress"]),
            ] {
                let flow = Flow {
                    direction,
                    peer: Peer::Pod(peer),
                    port: port(&cell["Port"]),
                    transport: transport(&cell["Protocol"]),
                };
                let verdict = policies.verdict(subject, &flow);
                let passes = is_let_pass(&verdict);
                cells += 1;
                allowed += usize::from(passes);
                if Some(passes) != expected.as_bool() {
                    different.push(format!("{}: {direction:?} {cell}: {verdict:?}", step["Case"]));
                }
            }
        }
    }
    assert!(
        different.is_empty(),
        "{} of {cells} cells differ, such as {:#?}",
        different.len(),
        &different[..different.len().min(5)]
    );
    assert!(cells > CELLS && allowed > 0 && allowed < cells, "{cells} cells, {allowed} of them allowed");
}
