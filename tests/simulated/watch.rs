//! `controller watch`: runs follow the changes that matter, and no others.

mod again;
mod faults;
mod lease;
mod refused;
mod short;
mod unwatched;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    checker,
    cluster::{CONTROL, Cluster, IMAGE, NAMESPACE},
    enumeration::CLEANUP,
    history::History,
    simulation::{Ended, Simulation},
    store::{Key, key, text},
};

/// More time than any of these commands takes.
pub(crate) const LONG: Duration = Duration::from_hours(30);
pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const WATCH: &[&str] = &[
    "watch",
    "--namespace",
    NAMESPACE,
    "--control-namespace",
    CONTROL,
    "--publish",
    CONTROL,
    "--image",
    "registry.example/probe:1",
    "--image-digest",
    IMAGE,
    "--environment",
    "production",
    "--quiet",
    "--timeout",
    "60s",
];

/// Returns the objects of runs that are left. The Lease and the events are no objects of a run.
fn left(cluster: &Cluster, history: &History) -> Vec<String> {
    let is_own = |it: &String| ["leases/", "events/"].iter().any(|kind| it.starts_with(kind));
    checker::left(cluster, history).into_iter().filter(|it| !is_own(it)).collect()
}

/// Returns the type, the reason and the object's name of each recorded event.
pub(crate) fn events(cluster: &Cluster) -> Vec<[String; 3]> {
    let told = |(_, event): &(Key, Value)| ["/type", "/reason", "/regarding/name"].map(|it| text(event, it));
    cluster.of_kind("events", "").iter().map(told).collect()
}

fn proof() -> Key {
    key("configmaps", CONTROL, "podproof-proof-shop")
}

pub(crate) fn simulation() -> Rc<Simulation> {
    let simulation = Simulation::new(1);
    simulation.cluster.change(|store| store.add(proof(), json!({ "metadata": {} })));
    simulation
}

/// Watches until an hour after some acts, which begin a minute after the command.
fn watched(acts: impl AsyncFnOnce(&Cluster) + 'static) -> (Ended, History, Rc<Simulation>) {
    let simulation = simulation();
    let cluster = simulation.cluster.clone();
    simulation.beside(LONG, async move {
        sleep(MINUTE).await;
        acts(&cluster).await;
        sleep(MINUTE * 60).await;
        cluster.interrupt();
    });
    let (ended, history) = simulation.run(WATCH, &[]);
    assert_eq!(left(&simulation.cluster, &history), [""; 0]);
    assert_eq!(ended.code, Some(130), "{ended:?}");
    (ended, history, simulation)
}

/// Returns the number of runs, each of which asks for the API server's version once.
pub(crate) fn runs(history: &History) -> usize {
    history.requests().iter().filter(|request| *request == "GET /version").count()
}

/// Waits until a run has made an object.
async fn made(cluster: &Cluster) {
    while cluster.history().made().iter().all(|(_, key)| key.0 == "leases") {
        sleep(Duration::from_millis(10)).await;
    }
}

/// Returns the number of writes of the proof.
fn writes(history: &History) -> usize {
    let requests = history.requests();
    requests.iter().filter(|it| it.starts_with("PATCH ") && it.contains("/configmaps/")).count()
}

fn add(cluster: &Cluster, name: &str, egress: &Value) {
    let spec = json!({ "podSelector": {}, "policyTypes": ["Egress"], "egress": egress });
    let policy = json!({ "metadata": {}, "spec": spec });
    cluster.change(|store| store.add(key("networkpolicies", NAMESPACE, name), policy));
}

/// Adds a policy that allows everything, so that the namespace is not ready.
fn add_policy(cluster: &Cluster, name: &str) {
    add(cluster, name, &json!([{}]));
}

/// Adds a policy that allows nothing.
fn add_denial(cluster: &Cluster, name: &str) {
    add(cluster, name, &json!([]));
}

pub(crate) fn change(cluster: &Cluster, key: &Key, change: impl FnOnce(&mut Value)) {
    cluster.change(|store| store.modify(key, change));
}

/// Returns the number of runs after a change of an object.
fn runs_after(object: Key, changed: impl FnOnce(&mut Value) + 'static) -> usize {
    runs(&watched(async move |cluster| change(cluster, &object, changed)).1)
}

pub(crate) fn published(simulation: &Simulation, field: &str) -> String {
    text(&simulation.cluster.get(&proof()).unwrap_or_default(), &format!("/data/{field}"))
}

#[test]
fn a_watch_publishes_a_proof_at_once() {
    let (ended, history, simulation) = watched(async |_| ());
    assert_eq!(published(&simulation, "verdict"), "ready-with-warnings", "{ended:?}");
    assert_eq!(runs(&history), 1);
}

#[test]
fn a_first_verdict_is_an_event_of_the_proof() {
    let (_, _, simulation) = watched(async |_| ());
    let event = ["Normal", "ProofReady", "podproof-proof-shop"].map(str::to_owned);
    assert_eq!(events(&simulation.cluster), [event]);
}

#[test]
fn a_verdict_that_stays_is_no_event() {
    let (_, history, simulation) = watched(async |cluster| {
        change(cluster, &key("networkpolicies", NAMESPACE, "default-deny"), |policy| {
            policy["metadata"]["generation"] = json!(2);
        });
    });
    assert_eq!((runs(&history), events(&simulation.cluster).len()), (2, 1));
}

#[test]
fn a_verdict_that_changes_is_a_warning() {
    let (_, _, simulation) = watched(async |cluster| {
        change(cluster, &key("networkpolicies", NAMESPACE, "default-deny"), |policy| {
            policy["spec"]["policyTypes"] = json!(["Ingress"]);
            policy["metadata"]["generation"] = json!(2);
        });
    });
    let event = ["Warning", "ProofNotReady", "podproof-proof-shop"].map(str::to_owned);
    assert_eq!(events(&simulation.cluster)[1..], [event]);
}

#[test]
fn a_new_policy_leads_to_a_new_run() {
    let (ended, history, _) = watched(async |cluster| add_denial(cluster, "closed"));
    assert_eq!(runs(&history), 2);
    assert!(ended.errors.contains("NetworkPolicy shop/closed changed"), "{}", ended.errors);
}

#[test]
fn a_policy_with_another_specification_leads_to_a_new_run() {
    let runs = runs_after(key("networkpolicies", NAMESPACE, "default-deny"), |policy| {
        policy["metadata"]["generation"] = json!(2);
    });
    assert_eq!(runs, 2);
}

/// No node has the handler, so that the new run is undetermined and made again.
#[test]
fn another_handler_of_a_class_leads_to_a_new_run() {
    let (ended, history, _) = watched(async |cluster| {
        change(cluster, &key("runtimeclasses", "", "gvisor"), |class| class["handler"] = json!("runc"));
    });
    assert!(ended.errors.contains("a new run: RuntimeClass gvisor changed"), "{}", ended.errors);
    assert!(runs(&history) > 1, "{}", runs(&history));
}

/// Returns the verdict that is kept a minute after an act on the cluster.
fn kept_after(act: impl FnOnce(&Cluster) + 'static) -> (String, Ended) {
    let kept = Rc::new(RefCell::new(String::new()));
    let told = Rc::clone(&kept);
    let (ended, ..) = watched(async move |cluster| {
        act(cluster);
        sleep(MINUTE).await;
        *told.borrow_mut() = text(&cluster.proof().unwrap(), "/verdict");
    });
    (kept.take(), ended)
}

#[test]
fn an_undetermined_run_closes_the_gate_at_once() {
    let (kept, ended) = kept_after(|cluster| {
        change(cluster, &key("runtimeclasses", "", "gvisor"), |class| class["handler"] = json!("runc"));
    });
    assert_eq!(kept, "undetermined", "{ended:?}");
}

#[test]
fn a_run_that_cannot_be_made_leaves_the_former_proof() {
    let (kept, ended) = kept_after(|cluster| {
        cluster.change(|store| store.remove(&key("namespaces", "", NAMESPACE)));
        add_policy(cluster, "open");
    });
    assert!(ended.errors.contains("there is no namespace shop"), "{}", ended.errors);
    assert_eq!(kept, "ready-with-warnings", "{ended:?}");
}

#[test]
fn another_boot_id_leads_to_a_new_proof() {
    let boot_id = "11111111-c707-4ae1-b6a1-ab2f425a3d24";
    let (_, history, simulation) = watched(async move |cluster| {
        change(cluster, &key("nodes", "", "one"), |node| {
            node["status"]["nodeInfo"]["bootID"] = json!(boot_id);
        });
    });
    assert_eq!(runs(&history), 2);
    let pools = published(&simulation, "pools");
    assert!(pools.contains(boot_id), "{pools}");
}

#[test]
fn a_heartbeat_leads_to_no_run() {
    let runs = runs_after(key("nodes", "", "one"), |node| {
        node["status"]["conditions"][0]["lastHeartbeatTime"] = json!("2026-01-01T00:05:00Z");
    });
    assert_eq!(runs, 1);
}

#[test]
fn another_replica_leads_to_no_run() {
    let (_, history, _) = watched(async |cluster| {
        let mut replica = cluster.get(&key("pods", NAMESPACE, "web-1")).unwrap();
        replica["status"]["podIPs"] = json!([{ "ip": "10.244.1.202" }]);
        cluster.change(|store| store.add(key("pods", NAMESPACE, "web-3"), replica));
    });
    assert_eq!(runs(&history), 1);
}

#[test]
fn a_template_of_a_new_group_leads_to_a_new_run() {
    let (_, history, _) = watched(async |cluster| {
        let mut deployment = cluster.get(&key("deployments", NAMESPACE, "web")).unwrap();
        deployment["spec"]["template"]["metadata"]["labels"]["app"] = json!("api");
        cluster.change(|store| store.add(key("deployments", NAMESPACE, "api"), deployment));
    });
    assert_eq!(runs(&history), 2);
}

/// Returns the messages of a watch after an object has an annotation.
fn annotated(object: Key, place: &'static str, annotation: [&'static str; 2]) -> String {
    let [name, value] = annotation;
    let (ended, ..) = watched(async move |cluster| {
        change(cluster, &object, |object| {
            object.pointer_mut(place).unwrap()["annotations"] = json!({ name: value });
        });
    });
    ended.errors
}

#[test]
fn a_template_with_another_network_leads_to_a_new_run() {
    let network = ["k8s.v1.cni.cncf.io/networks", "open-net"];
    let told = annotated(key("deployments", NAMESPACE, "web"), "/spec/template/metadata", network);
    assert!(told.contains("a new run: deployment/web is of a new group"), "{told}");
}

#[test]
fn a_pods_address_in_an_annotation_leads_to_no_run() {
    let address = ["cni.projectcalico.org/podIP", "10.244.1.7/32"];
    let told = annotated(key("pods", NAMESPACE, "web-1"), "/metadata", address);
    assert!(!told.contains("a new run"), "{told}");
}

#[test]
fn a_container_that_admission_adds_to_a_replica_leads_to_a_new_run() {
    let (ended, ..) = watched(async |cluster| {
        let mut replica = cluster.get(&key("pods", NAMESPACE, "web-1")).unwrap();
        let added = json!({ "name": "agent", "image": "agent:1", "securityContext": { "privileged": true } });
        replica["spec"]["containers"].as_array_mut().unwrap().push(added);
        cluster.change(|store| store.add(key("pods", NAMESPACE, "web-3"), replica));
    });
    assert!(ended.errors.contains("a new run: pod/web-3 is of a new group"), "{}", ended.errors);
}

#[test]
fn a_node_with_another_label_leads_to_a_new_run() {
    let runs =
        runs_after(key("nodes", "", "one"), |node| node["metadata"]["labels"]["example.com/a"] = json!("b"));
    assert_eq!(runs, 2);
}

/// Its maker is not watched, so that the pod itself shows the template.
#[test]
fn a_pod_of_a_custom_workload_leads_to_a_new_run() {
    let (ended, history, _) = watched(async |cluster| {
        let mut pod = cluster.get(&key("pods", NAMESPACE, "web-1")).unwrap();
        pod["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "example.com/v1", "kind": "Crew", "name": "crew", "uid": "crew", "controller": true,
        }]);
        pod["spec"]["hostNetwork"] = json!(true);
        cluster.change(|store| store.add(key("pods", NAMESPACE, "crew-1"), pod));
    });
    assert!(ended.errors.contains("a new run: pod/crew-1 is of a new group"), "{}", ended.errors);
    assert!(runs(&history) > 1);
}

#[test]
fn changes_during_a_run_lead_to_exactly_one_more() {
    let (_, history, _) = watched(async |cluster| {
        add_denial(cluster, "first");
        while runs(&cluster.history()) < 2 {
            sleep(Duration::from_millis(10)).await;
        }
        add_denial(cluster, "second");
        sleep(Duration::from_millis(50)).await;
        add_denial(cluster, "third");
    });
    assert_eq!(runs(&history), 3);
}

/// A watch is a request of its own, which lasts.
#[test]
fn an_idle_hour_costs_at_most_one_request_a_minute() {
    let counted = Rc::new(Cell::new(0));
    let counts = Rc::clone(&counted);
    watched(async move |cluster| {
        let asked = || cluster.history().requests().iter().filter(|it| !it.contains("watch=true")).count();
        let before = asked();
        sleep(MINUTE * 60).await;
        counts.set(asked() - before);
    });
    assert!(counted.get() <= 60, "{}", counted.get());
}

#[test]
fn a_signal_during_a_run_removes_its_objects_and_publishes_nothing() {
    let simulation = simulation();
    let cluster = simulation.cluster.clone();
    simulation.beside(LONG, async move {
        made(&cluster).await;
        cluster.interrupt();
    });
    let (ended, history) = simulation.run(WATCH, &[]);
    assert_eq!((ended.code, left(&simulation.cluster, &history)), (Some(130), Vec::new()));
    assert_eq!(published(&simulation, "verdict"), "");
}

#[test]
fn a_kill_in_the_middle_of_a_run_leaves_objects_that_cleanup_removes() {
    let simulation = simulation();
    let cluster = simulation.cluster.clone();
    simulation.beside(LONG, async move {
        made(&cluster).await;
        cluster.kill();
    });
    let (ended, history) = simulation.run(WATCH, &[]);
    assert_eq!(ended.code, None);
    assert!(!left(&simulation.cluster, &history).is_empty());
    let (cleaned, _) = simulation.run(CLEANUP, &[]);
    assert_eq!((cleaned.code, left(&simulation.cluster, &history)), (Some(0), Vec::new()));
}
