//! `controller watch --remove-taint`: the taint goes from proven nodes alone, and comes back.

mod held_back;
mod present;
mod refused;
mod represented;

use std::{cell::Cell, rc::Rc, time::Duration};

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    cluster::{Cluster, NAMESPACE},
    fault::Fault,
    history::History,
    simulation::{Ended, Simulation},
    store::{Key, key, text},
    watch::{LONG, MINUTE, WATCH, change, events, published, runs, simulation},
};

const TAINT: &str = "podproof.dev/unproven";
const NOTE: &str = "/metadata/annotations/shop.podproof.dev~1startup-taint";
const OTHER: &str = "sandbox.gke.io/runtime";
const REBOOTED: &str = "11111111-c707-4ae1-b6a1-ab2f425a3d24";
/// The time between a verdict and its effect on nodes.
const SOON: Duration = Duration::from_secs(5);

pub(crate) fn words() -> Vec<&'static str> {
    [WATCH, &["--nodes", "all", "--remove-taint", TAINT]].concat()
}

fn node(name: &str) -> Key {
    key("nodes", "", name)
}

fn taint(cluster: &Cluster, name: &str) {
    let taints = [OTHER, TAINT].map(|key| json!({ "key": key, "value": "gvisor", "effect": "NoSchedule" }));
    // The workload and its class tolerate the taint of the pool alone.
    change(cluster, &node(name), |node| node["spec"]["taints"] = json!(taints));
}

/// Returns a cluster in which both nodes have the taint.
pub(crate) fn tainted() -> Rc<Simulation> {
    let simulation = simulation();
    let cluster = &simulation.cluster;
    change(cluster, &key("runtimeclasses", "", "gvisor"), |class| {
        class["scheduling"] = json!({ "tolerations": [{ "key": OTHER, "operator": "Exists" }] });
    });
    for name in ["one", "two"] {
        taint(cluster, name);
    }
    simulation
}

fn keys(cluster: &Cluster, name: &str) -> Vec<String> {
    let node = cluster.get(&node(name)).unwrap_or_default();
    node["spec"]["taints"].as_array().into_iter().flatten().map(|taint| text(taint, "/key")).collect()
}

pub(crate) fn has_taint(cluster: &Cluster, name: &str) -> bool {
    keys(cluster, name).contains(&TAINT.to_owned())
}

fn reboot(cluster: &Cluster, name: &str) {
    change(cluster, &node(name), |node| node["status"]["nodeInfo"]["bootID"] = json!(REBOOTED));
}

/// Watches beside some acts, and ends with them.
fn beside(
    simulation: &Rc<Simulation>,
    faults: &[(usize, Fault)],
    acts: impl AsyncFnOnce(&Cluster) + 'static,
) -> (Ended, History) {
    let cluster = simulation.cluster.clone();
    simulation.beside(LONG, async move {
        acts(&cluster).await;
        cluster.interrupt();
    });
    simulation.run(&words(), faults)
}

async fn until(cluster: &Cluster, holds: impl Fn(&Cluster) -> bool) {
    let begun = Instant::now();
    while !holds(cluster) {
        assert!(begun.elapsed() < MINUTE * 10, "it did not come to this");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn both_gone(cluster: &Cluster) {
    until(cluster, |cluster| !has_taint(cluster, "one") && !has_taint(cluster, "two")).await;
}

/// Calls for another run.
fn touch(cluster: &Cluster) {
    change(cluster, &key("networkpolicies", NAMESPACE, "default-deny"), |policy| {
        policy["metadata"]["generation"] = json!(7);
    });
}

fn is_published(cluster: &Cluster, verdict: &str) -> bool {
    cluster.proof().is_some_and(|proof| proof["verdict"] == verdict)
}

/// The requests that read or change a node.
fn of_nodes(history: &History, method: &str) -> Vec<usize> {
    let requests = history.requests();
    let is_meant =
        |it: &str| it.starts_with(method) && it.contains("/api/v1/nodes/") && !it.contains("/proxy/");
    requests.iter().enumerate().filter(|(_, it)| is_meant(it)).map(|(number, _)| number).collect()
}

#[test]
fn the_taint_goes_soon_after_a_ready_verdict() {
    let simulation = tainted();
    let took = Rc::new(Cell::new(Duration::MAX));
    let taken = Rc::clone(&took);
    let (ended, _) = beside(&simulation, &[], async move |cluster| {
        until(cluster, |cluster| is_published(cluster, "ready-with-warnings")).await;
        let verdict = Instant::now();
        both_gone(cluster).await;
        taken.set(verdict.elapsed());
    });
    assert!(took.get() <= SOON, "{:?} {ended:?}", took.get());
}

#[test]
fn the_other_taints_of_a_proven_node_stay() {
    let simulation = tainted();
    beside(&simulation, &[], async |cluster| until(cluster, |cluster| !has_taint(cluster, "one")).await);
    assert_eq!(keys(&simulation.cluster, "one"), [OTHER]);
}

#[test]
fn a_verdict_that_is_not_ready_removes_no_taint() {
    let simulation = tainted();
    let open = json!({ "metadata": {}, "spec": { "podSelector": {}, "policyTypes": ["Ingress"] } });
    change(&simulation.cluster, &key("networkpolicies", NAMESPACE, "default-deny"), |policy| {
        policy["spec"] = open["spec"].clone();
    });
    beside(&simulation, &[], async |_| sleep(MINUTE * 5).await);
    assert!(!["", "ready", "ready-with-warnings"].contains(&published(&simulation, "verdict").as_str()));
    assert!(has_taint(&simulation.cluster, "one") && has_taint(&simulation.cluster, "two"));
}

#[test]
fn a_proof_that_is_no_longer_ready_brings_the_taint_back() {
    let simulation = tainted();
    beside(&simulation, &[], async |cluster| {
        until(cluster, |cluster| !has_taint(cluster, "one")).await;
        change(cluster, &key("networkpolicies", NAMESPACE, "default-deny"), |policy| {
            policy["spec"]["policyTypes"] = json!(["Ingress"]);
            policy["metadata"]["generation"] = json!(2);
        });
        until(cluster, |cluster| has_taint(cluster, "one")).await;
    });
    assert_eq!(text(&simulation.cluster.get(&node("one")).unwrap(), NOTE), "");
}

#[test]
fn another_boot_id_brings_the_taint_back_and_a_new_proof_removes_it() {
    let simulation = tainted();
    let took = Rc::new(Cell::new(Duration::MAX));
    let taken = Rc::clone(&took);
    let (_, history) = beside(&simulation, &[], async move |cluster| {
        until(cluster, |cluster| !has_taint(cluster, "one")).await;
        reboot(cluster, "one");
        let rebooted = Instant::now();
        until(cluster, |cluster| has_taint(cluster, "one")).await;
        taken.set(rebooted.elapsed());
        until(cluster, |cluster| !has_taint(cluster, "one")).await;
    });
    assert!(took.get() <= SOON, "{:?}", took.get());
    assert_eq!(runs(&history), 2);
    assert!(text(&simulation.cluster.get(&node("one")).unwrap(), NOTE).contains(REBOOTED));
}

#[test]
fn each_change_of_a_taint_is_an_event_of_its_node() {
    let simulation = tainted();
    beside(&simulation, &[], async |cluster| {
        until(cluster, |cluster| !has_taint(cluster, "one")).await;
        reboot(cluster, "one");
        until(cluster, |cluster| events(cluster).iter().filter(|[_, _, name]| name == "one").count() == 2)
            .await;
    });
    let of_one: Vec<_> =
        events(&simulation.cluster).into_iter().filter(|[_, _, name]| name == "one").collect();
    let event = |event: [&str; 3]| event.map(str::to_owned);
    assert_eq!(
        of_one,
        [["Normal", "StartupTaintRemoved", "one"], ["Warning", "StartupTaintPutBack", "one"]].map(event)
    );
}

#[test]
fn a_proof_that_ended_while_the_machine_slept_brings_the_taint_back() {
    let simulation = tainted();
    beside(&simulation, &[], async |cluster| {
        both_gone(cluster).await;
        cluster.let_pass(Duration::from_hours(24));
        until(cluster, |cluster| has_taint(cluster, "one") && has_taint(cluster, "two")).await;
    });
}

#[test]
fn a_node_that_never_had_the_taint_is_left_alone() {
    let simulation = simulation();
    let (_, history) = beside(&simulation, &[], async |cluster| {
        until(cluster, |cluster| is_published(cluster, "ready-with-warnings")).await;
        reboot(cluster, "one");
        sleep(MINUTE * 5).await;
    });
    assert_eq!(of_nodes(&history, "PATCH"), [0; 0]);
}

#[test]
fn a_conflict_is_tried_again() {
    let mode = tainted();
    let (_, history) = beside(&mode, &[], both_gone);
    let patches = of_nodes(&history, "PATCH");
    let simulation = tainted();
    let (ended, history) = beside(&simulation, &[(patches[0], Fault::Status(409))], both_gone);
    assert!(!ended.errors.contains("stays as it was"), "{}", ended.errors);
    assert_eq!(of_nodes(&history, "PATCH").len(), patches.len() + 1);
}

#[test]
fn a_kill_between_two_nodes_leaves_a_state_that_the_next_watch_mends() {
    let (_, history) = beside(&tainted(), &[], both_gone);
    let patches = of_nodes(&history, "PATCH");
    for (number, fault) in patches.into_iter().zip([Fault::Kill, Fault::Kill]) {
        let simulation = tainted();
        let (ended, _) = beside(&simulation, &[(number, fault)], async |_| sleep(MINUTE * 60).await);
        assert_eq!(ended.code, None);
        assert!(has_taint(&simulation.cluster, "one") || has_taint(&simulation.cluster, "two"));
        let (ended, _) = beside(&simulation, &[], both_gone);
        assert_eq!(ended.code, Some(130), "{}", ended.errors);
    }
}

#[test]
fn a_reboot_without_a_watch_brings_the_taint_back_before_the_next_verdict() {
    let simulation = tainted();
    beside(&simulation, &[], async |cluster| until(cluster, |cluster| !has_taint(cluster, "one")).await);
    reboot(&simulation.cluster, "one");
    let (_, history) = beside(&simulation, &[], async |cluster| {
        until(cluster, |cluster| has_taint(cluster, "one")).await;
        until(cluster, |cluster| !has_taint(cluster, "one")).await;
    });
    let requests = history.requests();
    let proof = requests.iter().position(|it| it.starts_with("PATCH ") && it.contains("podproof-proof"));
    assert!(of_nodes(&history, "PATCH").first() < proof.as_ref(), "{requests:#?}");
}

#[test]
fn a_new_node_with_the_taint_leads_to_a_run() {
    let simulation = tainted();
    let (_, history) = beside(&simulation, &[], async |cluster| {
        until(cluster, |cluster| !has_taint(cluster, "one") && !has_taint(cluster, "two")).await;
        sleep(MINUTE).await;
        let mut node = crate::cluster::node("three", "third", "10.99.0.4");
        node["spec"]["taints"] = json!([{ "key": TAINT, "effect": "NoSchedule" }]);
        cluster.change(|store| store.add(key("nodes", "", "three"), node));
        until(cluster, |cluster| !has_taint(cluster, "three")).await;
    });
    assert_eq!(runs(&history), 2);
}

/// The proof is published all the same, and both taints go by a later request.
#[test]
fn a_patch_that_is_refused_once_is_told() {
    let (_, history) = beside(&tainted(), &[], both_gone);
    let number = of_nodes(&history, "PATCH")[0];
    let simulation = tainted();
    let (ended, _) = beside(&simulation, &[(number, Fault::Status(403))], both_gone);
    assert!(ended.errors.contains("stays as it was: a fault of the simulation"), "{}", ended.errors);
    assert_eq!(published(&simulation, "verdict"), "ready-with-warnings");
}

#[test]
fn a_refusal_tells_the_clusters_time_so_that_the_taints_go() {
    let (_, history) = beside(&tainted(), &[], both_gone);
    let number = history.requests().iter().position(|it| it == "GET /api").unwrap();
    let (ended, _) = beside(&tainted(), &[(number, Fault::Status(409))], both_gone);
    assert_eq!(ended.code, Some(130), "{}", ended.errors);
}
