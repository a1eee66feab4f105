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

/// The first request took effect, and its answer was lost.
#[test]
fn a_visit_that_is_refused_after_a_lost_answer_is_ended() {
    let mode = live();
    let begins = |request: &String| {
        request.starts_with("PATCH")
            && request.contains("/ephemeralcontainers")
            && !request.contains("dryRun")
    };
    let first = mode.requests().iter().position(begins).unwrap();
    let again = |requests: &[String]| {
        let again = (first + 1..requests.len()).find(|&number| requests[number] == requests[first]);
        again.unwrap_or_else(|| panic!("{requests:#?}"))
    };
    let again = again(&mode.ended(&[(first, Fault::CutAfter)]).1.requests());
    let simulation = mode.simulation();
    let (ended, history) =
        simulation.run(&mode.words, &[(first, Fault::CutAfter), (again, Fault::Forbidden)]);
    assert_eq!((ended.code, history.visited().len()), (Some(3), 2), "{} {}", ended.errors, ended.output);
    assert_eq!(open_visits(&simulation.cluster, &history), []);
}

#[test]
fn no_fault_breaks_a_promise_of_a_run_with_visits() {
    live().enumerate(|_, _| true);
}
