//! `controller verify --live`: visits of running pods, with every fault at every request.

use std::collections::BTreeSet;

use crate::{
    cluster::{Cluster, NAMESPACE, runs},
    enumeration::Mode,
    fault::Fault,
    history::History,
    simulation::Simulation,
    store::key,
    verify::with_control,
};

/// Returns a run that examines a running pod of each group in place.
pub(crate) fn live() -> Mode {
    Mode::of(&[&with_control()[..], &["--live"]].concat())
}

/// Returns the visits of a run whose probes still run.
pub(crate) fn open_visits(cluster: &Cluster, history: &History) -> Vec<(String, String)> {
    let visited =
        history.visited().into_iter().map(|(pod, container)| (pod.to_owned(), container.to_owned()));
    visited
        .filter(|(pod, container)| {
            cluster.get(&key("pods", NAMESPACE, pod)).is_some_and(|pod| runs(&pod, container))
        })
        .collect()
}

#[test]
fn each_running_pod_is_visited_and_left() {
    let simulation = Simulation::new(1);
    let (ended, history) = simulation.run(&live().words, &[]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.errors, ended.output);
    let pods: BTreeSet<_> = history.visited().into_iter().map(|(pod, _)| pod).collect();
    assert_eq!(pods, BTreeSet::from(["web-1", "web-2"]));
    assert_eq!(open_visits(&simulation.cluster, &history), []);
}

#[test]
fn a_visit_that_is_interrupted_while_its_container_starts_is_ended() {
    let mode = live();
    let asked = mode.requests();
    let begins = |request: &&String| request.contains("/ephemeralcontainers") && !request.contains("dryRun");
    let first = asked.iter().position(|it| begins(&it)).unwrap();
    let last = asked.iter().rposition(|it| begins(&it)).unwrap();
    for (number, request) in asked.iter().enumerate().take(last + 3).skip(first) {
        let simulation = mode.simulation();
        let (ended, history) = simulation.run(&mode.words, &[(number, Fault::Interrupt)]);
        assert_eq!(ended.code, Some(130), "{}", ended.errors);
        assert_eq!(open_visits(&simulation.cluster, &history), [], "{request}");
    }
}

/// Returns true for a request that only a run with visits makes.
fn is_of_a_visit(request: &str) -> bool {
    request.contains("/pods/web-") || request.contains("metadata.name%3Dweb-")
}

/// The other requests are those of a run without visits, and pairs of faults meet them.
#[test]
fn no_fault_breaks_a_promise_of_a_visit() {
    live().enumerate(|request, _| is_of_a_visit(request));
}

/// Such a fault concerns the visits at whatever request it comes.
#[test]
fn no_signal_and_no_lost_node_breaks_a_promise_of_a_run_with_visits() {
    let concerns = |fault| matches!(fault, Fault::NodeGone | Fault::Evicted | Fault::Interrupt);
    live().enumerate(|request, fault| concerns(fault) && !is_of_a_visit(request));
}
