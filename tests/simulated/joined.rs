//! A node that joins while a run goes on, with a pod of a known group.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cluster::{NAMESPACE, node},
    history::History,
    simulation::{Ended, Simulation},
    store::key,
    verify::with_control,
};

/// Runs while the node nine and the pod web-9 on it come, as soon as the run has made a pod.
fn joined(further: &[&'static str], change: impl FnOnce(&mut Value) + 'static) -> (Ended, History) {
    let simulation = Simulation::new(1);
    let cluster = simulation.cluster.clone();
    simulation.beside(Duration::from_mins(10), async move {
        while cluster.history().made().iter().all(|(_, key)| key.0 != "pods") {
            sleep(Duration::from_millis(10)).await;
        }
        let mut new = node("nine", "sandbox", "10.99.0.9");
        change(&mut new);
        let mut pod = cluster.get(&key("pods", NAMESPACE, "web-1")).unwrap();
        pod["spec"]["nodeName"] = json!("nine");
        pod["status"]["podIPs"] = json!([{ "ip": "10.244.1.209" }]);
        cluster.change(|store| {
            store.add(key("nodes", "", "nine"), new);
            store.add(key("pods", NAMESPACE, "web-9"), pod);
        });
    });
    simulation.run(&[&with_control()[..], further].concat(), &[])
}

/// Returns the number of times that the nodes were read.
fn reads(history: &History) -> usize {
    history.requests().iter().filter(|it| it.starts_with("GET /api/v1/nodes?")).count()
}

#[test]
fn the_probe_of_its_pool_represents_a_pod_on_a_new_node() {
    let (ended, history) = joined(&[], |_| ());
    assert_eq!((ended.code, reads(&history)), (Some(0), 2), "{} {}", ended.errors, ended.output);
    assert!(ended.output.contains("\"pod/web-9\""), "{}", ended.output);
}

#[test]
fn no_probe_represents_a_pod_on_a_new_node_of_another_kind() {
    let (ended, _) = joined(&[], |node| node["status"]["nodeInfo"]["kernelVersion"] = json!("6.99"));
    assert_eq!(ended.code, Some(3), "{} {}", ended.errors, ended.output);
    assert!(
        ended.output.contains("pod/web-9: its node nine joined or changed during the run"),
        "{}",
        ended.output
    );
}

#[test]
fn a_probe_on_every_node_leaves_a_new_one_out() {
    let (ended, _) = joined(&["--nodes", "all"], |_| ());
    assert_eq!(ended.code, Some(3), "{} {}", ended.errors, ended.output);
    assert!(
        ended.output.contains("pod/web-9: its node nine joined or changed during the run"),
        "{}",
        ended.output
    );
}

#[test]
fn the_nodes_of_a_run_without_a_new_one_are_read_once() {
    let (_, history) = Simulation::new(1).run(&with_control(), &[]);
    assert_eq!(reads(&history), 1);
}
