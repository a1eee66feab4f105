//! Probe pods that are replaced before they are asked: on busy nodes, and on nodes without room for the control pods.

use std::{rc::Rc, time::Duration};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cluster::{CONTROL, NAMESPACE, PLACES, ROOM, STARTS_IN, node},
    history::History,
    simulation::{Ended, Simulation},
    store::{key, text},
    verify::with_control,
};

/// Returns the names of the probe pods that were made.
fn probes(history: &History) -> Vec<String> {
    let made = history.made().into_iter();
    made.filter(|(_, key)| key.0 == "pods" && key.1 == NAMESPACE).map(|(_, key)| key.2.clone()).collect()
}

/// Returns the findings of every sandbox.
fn findings(ended: &Ended) -> Vec<Value> {
    let report = ended.report().unwrap();
    let sandboxes = report["sandboxes"].as_array().unwrap();
    sandboxes.iter().flat_map(|sandbox| sandbox["findings"].as_array().unwrap().clone()).collect()
}

/// Returns a cluster whose control pods start after the first seconds of the probe's pod.
fn busy() -> Rc<Simulation> {
    let simulation = Simulation::new(1);
    simulation.cluster.annotate(CONTROL, STARTS_IN, "6");
    simulation
}

#[test]
fn a_pod_whose_first_seconds_passed_before_it_was_asked_is_replaced() {
    let (ended, history) = busy().run(&with_control(), &[]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
    assert!(ended.output.contains("2 probe pods were replaced"), "{}", ended.output);
    let made = probes(&history);
    assert_eq!(made.iter().filter(|name| name.ends_with("-anew")).count(), PLACES, "{made:?}");
    assert_eq!(made.len(), 2 * PLACES, "{made:?}");
}

/// Its end is a finding, whatever another pod would show.
#[test]
fn a_pod_that_has_ended_is_not_replaced() {
    let simulation = busy();
    let cluster = simulation.cluster.clone();
    simulation.beside(Duration::from_mins(2), async move {
        sleep(Duration::from_secs(4)).await;
        cluster.evict();
    });
    let (ended, history) = simulation.run(&with_control(), &[]);
    assert!(matches!(ended.code, Some(3 | 4)), "{ended:?}");
    assert!(format!("{} {}", ended.output, ended.errors).contains("low on resource: memory"), "{ended:?}");
    assert_eq!(probes(&history).len(), PLACES, "{:?}", probes(&history));
}

/// Returns a run whose first node has room for the probe and for none of its control pods. Another node is like it, with room for so
/// many pods, if there is one.
fn full(another: Option<&str>) -> (Ended, History) {
    let simulation = Simulation::new(1);
    let with_room = |mut node: Value, room: &str| {
        node["metadata"]["annotations"] = json!({ ROOM: room });
        node
    };
    simulation.cluster.change(|store| {
        store.modify(&key("nodes", "", "one"), |node| *node = with_room(node.take(), "2"));
        if let Some(room) = another {
            store.add(key("nodes", "", "three"), with_room(node("three", "sandbox", "10.99.0.4"), room));
        }
    });
    simulation.run(&[&with_control()[..], &["--start-timeout", "10s"]].concat(), &[])
}

#[test]
fn a_probe_moves_to_a_node_with_room_for_its_control_pods() {
    let (ended, history) = full(Some("9"));
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
    let remark =
        "node one had no room for the control pods; the probe ran on node three of the same pool and kind";
    assert!(ended.output.contains(remark), "{}", ended.output);
    assert_eq!(probes(&history).len(), PLACES + 1, "{:?}", probes(&history));
}

/// Its other evidence counts, and the second pod finds no place.
#[test]
fn a_probe_that_nothing_replaces_in_time_is_asked() {
    let (ended, history) = full(Some("0"));
    assert_eq!(ended.code, Some(3), "{} {}", ended.errors, ended.output);
    let runtime: Vec<_> =
        findings(&ended).into_iter().filter(|finding| finding["id"] == "runtime-isolation").collect();
    assert_eq!(runtime.len(), PLACES);
    assert!(runtime.iter().all(|finding| finding["outcome"] == "met"), "{runtime:#?}");
    assert_eq!(probes(&history).len(), PLACES + 1, "{:?}", probes(&history));
}

#[test]
fn a_probe_stays_where_no_other_node_is_like_its_own() {
    let (ended, history) = full(None);
    assert_eq!(ended.code, Some(3), "{} {}", ended.errors, ended.output);
    let mut findings = findings(&ended).into_iter();
    let network =
        findings.find(|it| it["id"] == "network-isolation" && it["outcome"] == "inconclusive").unwrap();
    assert!(text(&network, "/because").contains("Unschedulable"), "{network:#}");
    assert_eq!(probes(&history).len(), PLACES, "{:?}", probes(&history));
}
