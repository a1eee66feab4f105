//! A node that can have no probe for a while, beside another node of the same pool and kind: it keeps no other node from being proven,
//! and is not proven itself.

use std::rc::Rc;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{TAINT, beside, both_gone, has_taint, is_published, node, reboot, tainted, touch, until};
use crate::{
    cluster::{Cluster, NAMESPACE},
    simulation::Simulation,
    verify::with_control,
    watch::{MINUTE, change, published, runs},
};

type Change = fn(&mut Value);

const READY: &str = "ready-with-warnings";

/// Returns a cluster in which both nodes have the taint, and are of the same pool and kind.
fn alike() -> Rc<Simulation> {
    let simulation = tainted();
    pool(&simulation.cluster);
    simulation
}

fn pool(cluster: &Cluster) {
    change(cluster, &node("two"), |node| {
        node["metadata"]["labels"]["cloud.google.com/gke-nodepool"] = json!("sandbox");
    });
}

fn cordon(node: &mut Value) {
    node["spec"]["unschedulable"] = json!(true);
}

fn add_taint(node: &mut Value, key: &str) {
    let taints = node["spec"]["taints"].as_array_mut().unwrap();
    taints.push(json!({ "key": key, "effect": "NoSchedule" }));
}

/// Asserts that the node two, changed before a watch, leaves the verdict open, so that the node one keeps its taint.
fn is_held_back(changed: impl FnOnce(&mut Value)) {
    let simulation = alike();
    change(&simulation.cluster, &node("two"), changed);
    beside(&simulation, &[], async |cluster| {
        until(cluster, |cluster| is_published(cluster, "undetermined")).await;
        sleep(MINUTE * 5).await;
    });
    assert!(has_taint(&simulation.cluster, "one") && has_taint(&simulation.cluster, "two"));
}

#[test]
fn a_node_that_can_have_no_probe_for_a_while_is_not_proven_and_holds_no_other_back() {
    let changes: [Change; 3] = [
        cordon,
        |node| node["status"]["conditions"][0]["status"] = json!("False"),
        |node| {
            add_taint(node, "node.kubernetes.io/disk-pressure");
        },
    ];
    for changed in changes {
        let simulation = alike();
        change(&simulation.cluster, &node("two"), changed);
        beside(&simulation, &[], async |cluster| {
            until(cluster, |cluster| !has_taint(cluster, "one")).await;
            sleep(MINUTE * 5).await;
        });
        assert!(has_taint(&simulation.cluster, "two"));
        assert_eq!(published(&simulation, "verdict"), READY);
        let pools = published(&simulation, "pools");
        assert!(pools.contains("\"one\"") && !pools.contains("\"two\""), "{pools}");
    }
}

#[test]
fn a_cordoned_node_of_another_kind_holds_the_others_back() {
    is_held_back(|node| {
        cordon(node);
        node["status"]["nodeInfo"]["kernelVersion"] = json!("6.99");
    });
}

#[test]
fn a_cordoned_node_with_its_owners_taint_holds_the_others_back() {
    is_held_back(|node| {
        cordon(node);
        add_taint(node, "team");
    });
}

#[test]
fn a_node_that_is_open_again_is_proven_by_a_run_of_its_own() {
    let changes: [(Change, Change); 2] = [
        (cordon, |node| node["spec"]["unschedulable"] = json!(false)),
        (
            |node| add_taint(node, "node.kubernetes.io/disk-pressure"),
            |node| _ = node["spec"]["taints"].as_array_mut().unwrap().pop(),
        ),
    ];
    for (closed, opened) in changes {
        let simulation = alike();
        change(&simulation.cluster, &node("two"), closed);
        let (_, history) = beside(&simulation, &[], async move |cluster| {
            until(cluster, |cluster| !has_taint(cluster, "one")).await;
            sleep(MINUTE).await;
            change(cluster, &node("two"), opened);
            both_gone(cluster).await;
        });
        assert_eq!(runs(&history), 2);
    }
}

#[test]
fn a_proven_node_that_reboots_while_it_is_cordoned_waits_for_a_probe_of_its_own() {
    let simulation = alike();
    let (_, history) = beside(&simulation, &[], async |cluster| {
        both_gone(cluster).await;
        change(cluster, &node("two"), cordon);
        reboot(cluster, "two");
        until(cluster, |cluster| has_taint(cluster, "two")).await;
        touch(cluster);
        while runs(&cluster.history()) < 2 {
            sleep(MINUTE / 60).await;
        }
        sleep(MINUTE * 5).await;
    });
    assert_eq!((runs(&history), published(&simulation, "verdict").as_str()), (2, READY));
    assert!(has_taint(&simulation.cluster, "two") && !has_taint(&simulation.cluster, "one"));
}

#[test]
fn a_new_node_is_proven_while_an_old_one_is_drained() {
    let simulation = alike();
    beside(&simulation, &[], async |cluster| {
        both_gone(cluster).await;
        change(cluster, &node("two"), cordon);
        let mut new = crate::cluster::node("three", "sandbox", "10.99.0.4");
        new["spec"]["taints"] = json!([{ "key": TAINT, "effect": "NoSchedule" }]);
        cluster.change(|store| store.add(node("three"), new));
        until(cluster, |cluster| !has_taint(cluster, "three")).await;
    });
    let pools = published(&simulation, "pools");
    assert!(pools.contains("\"three\"") && !pools.contains("\"two\""), "{pools}");
}

#[test]
fn a_report_says_which_probe_represents_the_pods_of_a_cordoned_node() {
    let simulation = Simulation::new(1);
    pool(&simulation.cluster);
    change(&simulation.cluster, &node("two"), cordon);
    let (ended, history) = simulation.run(&[&with_control()[..], &["--nodes", "all"]].concat(), &[]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
    let probes = history.made().iter().filter(|(_, key)| key.0 == "pods" && key.1 == NAMESPACE).count();
    assert_eq!(probes, 1);
    let report = ended.report().unwrap();
    let said = "two is cordoned; the probe on node one of the same pool and kind represents its pods, and no probe ran on the node itself";
    assert!(report["notes"].as_array().unwrap().contains(&json!(said)), "{}", report["notes"]);
    let represented = &report["sandboxes"][0]["subject"]["stands_for"];
    assert_eq!(*represented, json!(["pod/web-1", "pod/web-2"]));
}
