//! A run with more pods than it deletes one by one.

use std::rc::Rc;

use serde_json::json;

use crate::{
    checker::left,
    cluster::{NAMESPACE, node},
    history::History,
    simulation::{Ended, Simulation},
    store::key,
    verify::with_control,
};

/// The nodes that the cluster has besides its usual ones.
const NODES: usize = 38;

fn simulation() -> Rc<Simulation> {
    let simulation = Simulation::new(1);
    for number in 0..NODES {
        let name = format!("more-{number}");
        let more = node(&name, "sandbox", &format!("10.99.1.{number}"));
        simulation.cluster.change(|store| store.add(key("nodes", "", &name), more));
    }
    simulation
}

/// Probes every node, and checks that nothing is left. Returns the deletions, too.
fn probed(simulation: &Rc<Simulation>) -> (Ended, History, Vec<String>) {
    let words = [&with_control()[..], &["--nodes", "all", "--parallel", "8"]].concat();
    let (ended, history) = simulation.run(&words, &[]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
    assert_eq!(left(&simulation.cluster, &history), Vec::<String>::new());
    let deletions = history.requests().into_iter().filter(|it| it.starts_with("DELETE ")).collect();
    (ended, history, deletions)
}

#[test]
fn many_pods_are_deleted_by_few_requests() {
    let (_, history, deletions) = probed(&simulation());
    assert!(history.made().len() > 3 * NODES, "{}", history.made().len());
    assert!(deletions.len() < NODES / 2, "{deletions:#?}");
}

/// The run of a seed has the same name each time, so that a stranger can have its label from the start.
#[test]
fn a_strangers_pod_with_the_runs_label_stays() {
    let (_, history, _) = probed(&simulation());
    let run = history.made().iter().find(|(_, key)| key.0 == "configmaps").unwrap().1.2.clone();
    let simulation = simulation();
    let stranger = key("pods", NAMESPACE, "stranger");
    let labels = json!({ "podproof.dev/run": run, "podproof.dev/batch": "0" });
    let pod = json!({ "metadata": { "labels": labels }, "spec": {}, "status": { "phase": "Succeeded" } });
    simulation.cluster.change(|store| store.add(stranger.clone(), pod));
    let (_, _, deletions) = probed(&simulation);
    assert!(simulation.cluster.get(&stranger).is_some());
    let is_by_label = |it: &&String| it.contains("/namespaces/shop/") && it.contains("labelSelector");
    assert_eq!(deletions.iter().find(is_by_label), None);
}
