//! The next run without a change that is watched: before the proof ends, and soon after a run that failed or was not ready.

use tokio::time::sleep;

use super::{LONG, MINUTE, WATCH, add_denial, add_policy, published, runs, simulation, watched, writes};
use crate::{cluster::NAMESPACE, store::key};

#[test]
fn a_proof_is_renewed_past_the_half_of_its_life() {
    let simulation = simulation();
    let cluster = simulation.cluster.clone();
    simulation.beside(LONG, async move {
        sleep(MINUTE * 60 * 15).await;
        cluster.interrupt();
    });
    let (_, history) = simulation.run(WATCH, &[]);
    assert_eq!(runs(&history), 2);
    assert_eq!(writes(&history), 2);
}

#[test]
fn a_run_that_fails_is_told_and_made_again() {
    let (ended, history, simulation) = watched(async |cluster| {
        // Without the namespace, a run cannot begin.
        let namespace = key("namespaces", "", NAMESPACE);
        let object = cluster.get(&namespace).unwrap();
        cluster.change(|store| store.remove(&namespace));
        add_denial(cluster, "closed");
        sleep(MINUTE).await;
        cluster.change(|store| store.add(namespace.clone(), object));
    });
    assert!(ended.errors.contains("there is no namespace shop"), "{}", ended.errors);
    assert_eq!(runs(&history), 2);
    assert_ne!(published(&simulation, "verdict"), "");
}

/// The pauses are those after a run that failed.
#[test]
fn a_namespace_that_is_not_ready_is_judged_again_after_a_growing_pause() {
    let (_, history, simulation) = watched(async |cluster| add_policy(cluster, "open"));
    assert_eq!(published(&simulation, "verdict"), "not-ready");
    let runs = runs(&history);
    assert!((4..=12).contains(&runs), "{runs}");
}
