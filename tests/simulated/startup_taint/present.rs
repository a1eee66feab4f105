//! A proof holds for a node as it is now, until the proof ends, and while this replica may act.

use std::{cell::Cell, rc::Rc, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{NOTE, TAINT, beside, both_gone, has_taint, node, of_nodes, reboot, tainted, touch, until};
use crate::{
    cluster::{CONTROL, Cluster, NAMESPACE},
    fault::Fault,
    store::{key, text},
    watch::{LONG, MINUTE, change, runs},
};

#[test]
fn a_node_that_registers_again_waits_for_a_proof_of_its_own() {
    let simulation = tainted();
    let (_, history) = beside(&simulation, &[], async |cluster| {
        both_gone(cluster).await;
        sleep(MINUTE).await;
        let mut object = cluster.get(&node("one")).unwrap();
        object["metadata"]["annotations"] = json!(null);
        object["spec"]["taints"] = json!([{ "key": TAINT, "effect": "NoSchedule" }]);
        cluster.change(|store| {
            store.remove(&node("one"));
            store.add(node("one"), object);
        });
        until(cluster, |cluster| !has_taint(cluster, "one")).await;
    });
    assert_eq!(runs(&history), 2);
}

#[test]
fn another_runtime_brings_the_taint_back() {
    let simulation = tainted();
    let (_, history) = beside(&simulation, &[], async |cluster| {
        both_gone(cluster).await;
        change(cluster, &node("one"), |node| {
            node["status"]["nodeInfo"]["containerRuntimeVersion"] = json!("containerd://2.5.0");
        });
        until(cluster, |cluster| has_taint(cluster, "one")).await;
        until(cluster, |cluster| !has_taint(cluster, "one")).await;
    });
    assert_eq!(runs(&history), 2);
}

#[test]
fn the_keeper_changes_no_node_while_an_ended_run_cleans_up() {
    let simulation = tainted();
    let pods = async |cluster: &Cluster, other: bool| {
        let is_there = |cluster: &Cluster| {
            let pods = cluster.of_kind("pods", NAMESPACE);
            pods.iter().any(|(_, pod)| !text(pod, "/metadata/labels/podproof.dev~1run").is_empty()) == other
        };
        until(cluster, is_there).await;
    };
    beside(&simulation, &[], async move |cluster| {
        both_gone(cluster).await;
        pods(cluster, false).await;
        touch(cluster);
        pods(cluster, true).await;
        cluster.interrupt();
        sleep(Duration::from_millis(1)).await;
        reboot(cluster, "one");
        pods(cluster, false).await;
    });
    assert!(!has_taint(&simulation.cluster, "one"));
}

#[test]
fn a_failed_publication_hides_no_failed_node() {
    let simulation = tainted();
    beside(&simulation, &[], async |cluster| {
        both_gone(cluster).await;
        cluster.change(|store| store.remove(&key("configmaps", CONTROL, "podproof-proof-shop")));
        change(cluster, &key("networkpolicies", NAMESPACE, "default-deny"), |policy| {
            policy["spec"]["policyTypes"] = json!(["Ingress"]);
            policy["metadata"]["generation"] = json!(2);
        });
        until(cluster, |cluster| has_taint(cluster, "one")).await;
    });
    assert!(has_taint(&simulation.cluster, "one"));
}

#[test]
fn an_expired_note_brings_the_taint_back_in_a_watch_that_begins_anew() {
    let simulation = tainted();
    beside(&simulation, &[], both_gone);
    let cluster = &simulation.cluster;
    change(cluster, &node("one"), |node| {
        let mut note: Value = serde_json::from_str(&text(node, NOTE)).unwrap();
        note["expiresAt"] = json!("2025-12-31T00:00:00Z");
        node["metadata"]["annotations"]["shop.podproof.dev/startup-taint"] = json!(note.to_string());
    });
    // No run can be made.
    cluster.change(|store| store.remove(&key("namespaces", "", NAMESPACE)));
    beside(&simulation, &[], async |cluster| {
        until(cluster, |cluster| has_taint(cluster, "one")).await;
        sleep(MINUTE).await;
    });
    assert!(!has_taint(&simulation.cluster, "two"));
}

#[test]
fn a_proof_that_is_not_renewed_brings_the_taint_back() {
    let simulation = tainted();
    let took = Rc::new(Cell::new(Duration::ZERO));
    let taken = Rc::clone(&took);
    beside(&simulation, &[], async move |cluster| {
        both_gone(cluster).await;
        let proven = Instant::now();
        cluster.change(|store| store.remove(&key("namespaces", "", NAMESPACE)));
        while !has_taint(cluster, "one") {
            assert!(proven.elapsed() < LONG, "the taint did not come back");
            sleep(MINUTE).await;
        }
        taken.set(proven.elapsed());
    });
    assert!(took.get() > MINUTE * 60 * 23, "{:?}", took.get());
}

#[test]
fn a_change_without_an_answer_is_given_up_and_made_again() {
    let (_, history) = beside(&tainted(), &[], both_gone);
    let number = of_nodes(&history, "PATCH")[0];
    let simulation = tainted();
    let (ended, _) = beside(&simulation, &[(number, Fault::Hang)], both_gone);
    assert!(ended.errors.contains("the API server did not answer within 10 s"), "{}", ended.errors);
}
