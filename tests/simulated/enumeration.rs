//! Every fault at every request of a command.

use std::time::Duration;

use crate::{
    checker::{Trial, left},
    cluster::{CONTROL, NAMESPACE},
    crew::check_all,
    fault::Fault,
    simulation::Simulation,
    verify::{PLAIN, with_control},
};

/// The timeout of the runs.
const TIMEOUT: Duration = Duration::from_mins(1);
/// The command after a run that was killed.
pub(crate) const CLEANUP: &[&str] = &["cleanup", "--namespace", NAMESPACE, "--control-namespace", CONTROL];

/// Runs a command with these faults; returns a sentence for each broken promise.
pub(crate) fn violations(words: &[&str], faults: &[(usize, Fault)]) -> Vec<String> {
    let simulation = Simulation::new(1);
    let (ended, history) = simulation.run(words, faults);
    let cluster = &simulation.cluster;
    let mut found =
        Trial { ended: &ended, history: &history, cluster, faults, timeout: TIMEOUT }.violations();
    if !left(cluster, &history).is_empty() {
        let (cleaned, _) = simulation.run(CLEANUP, &[]);
        let left = left(cluster, &history);
        if !left.is_empty() || cleaned.code != Some(0) {
            found.push(format!("{left:?} is left after cleanup, which ended with {cleaned:?}"));
        }
    }
    found
}

/// Returns the requests of a command without faults.
pub(crate) fn requests(words: &[&str]) -> Vec<String> {
    Simulation::new(1).run(words, &[]).1.requests()
}

/// Returns each of the requests with each of the faults that it can meet.
pub(crate) fn meetings(asked: &[String], is_tried: impl Fn(Fault) -> bool) -> Vec<(usize, Fault)> {
    let mut meetings = Vec::new();
    for (number, request) in asked.iter().enumerate() {
        let faults = Fault::ALL.iter().filter(|fault| is_tried(**fault) && fault.meets(request));
        meetings.extend(faults.map(|&fault| (number, fault)));
    }
    meetings
}

/// Runs a command with each fault at each of its requests.
fn enumerate(words: &[&str]) {
    let asked = requests(words);
    let told = check_all(&meetings(&asked, |_| true), |&(number, fault)| {
        let found = violations(words, &[(number, fault)]);
        found.iter().map(|it| format!("{fault:?} at {number}, {}: {it}", asked[number])).collect()
    });
    assert!(told.is_empty(), "{} broken promises\n{}", told.len(), told.join("\n"));
}

#[test]
fn no_fault_breaks_a_promise_of_a_run_without_control() {
    enumerate(PLAIN);
}

#[test]
fn no_fault_breaks_a_promise_of_a_run_with_control() {
    enumerate(&with_control());
}
