//! The NetworkPolicy specs of Kubernetes' own e2e tests (`k8s.io/kubernetes/test/e2e/network/netpol`). They run unchanged
//! in an imitated cluster, whose network is the model: a spec passes if the model lets pass what the spec expects.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Seek, Write},
    process::Stdio,
};

use controller::case::policy::{Endpoint, Policies};
use serde_json::Value;
use stage::policies::{connects, pods, policies, port, program, transport};

/// The specs of release 1.35: 42 by TCP, 3 by UDP and 3 by SCTP.
const SPECS: usize = 48;

/// The imitated cluster at one time.
#[derive(Default)]
struct State {
    pods: BTreeMap<String, Endpoint>,
    policies: Policies,
}

impl State {
    /// Returns true if a probe connects: it may leave the one pod, and enter the other.
    fn connects(&self, question: &Value) -> bool {
        let end = |field: &str| &self.pods[question[field].as_str().unwrap()];
        let (port, transport) = (port(&question["Port"]), transport(&question["Protocol"]));
        let connects = connects(&self.policies, end("From"), end("To"), port, transport);
        connects.unwrap_or_else(|| panic!("not evaluated: {question}"))
    }
}

#[test]
fn every_spec_of_kubernetes_passes_in_the_network_of_the_model() {
    let mut log = tempfile::tempfile().unwrap();
    let mut command = program("specs");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log.try_clone().unwrap());
    let mut specs = command.spawn().unwrap();
    let mut answers = specs.stdin.take().unwrap();
    let lines = BufReader::new(specs.stdout.take().unwrap()).lines();
    let mut state = State::default();
    let (mut connected, mut refused, mut passed, mut failed) = (0, 0, 0, Vec::new());
    for line in lines {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if line["From"].is_string() {
            let connects = state.connects(&line);
            *if connects { &mut connected } else { &mut refused } += 1;
            writeln!(answers, "{connects}").unwrap();
        } else if line["Spec"].is_null() {
            state = State { pods: pods(&line), policies: policies(&line) };
        } else if line["Passed"] == true {
            passed += 1;
        } else {
            failed.push(format!("{}: {}", line["Spec"], line["Message"]));
        }
    }
    if !specs.wait().unwrap().success() {
        let mut text = String::new();
        log.rewind().unwrap();
        log.read_to_string(&mut text).unwrap();
        panic!("the specs did not run: {text}");
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(passed, SPECS);
    assert!(connected > 0 && refused > 0, "{connected} probes connected, {refused} did not");
}
