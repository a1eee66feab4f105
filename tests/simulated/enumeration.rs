//! Every fault at every request of a command.

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use tokio::time::sleep;

use crate::{
    checker::{Trial, foreign, left},
    cluster::{CONTROL, Cluster, NAMESPACE},
    crew::check_all,
    fault::Fault,
    history::History,
    live::open_visits,
    simulation::{Ended, Simulation},
    verify::{PLAIN, with_control},
};

/// The timeout of the runs.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(1);
/// The longest life of a probe in a running pod, which ends by itself.
const LIFETIME: Duration = Duration::from_mins(10);
/// The command after a run that was killed.
pub(crate) const CLEANUP: &[&str] = &["cleanup", "--namespace", NAMESPACE, "--control-namespace", CONTROL];

/// A command that makes a run, and the cluster that it meets.
#[derive(Clone)]
pub(crate) struct Mode {
    pub(crate) words: Vec<&'static str>,
    /// The time limit of the command, without the removal of its objects.
    pub(crate) timeout: Duration,
    /// Changes the usual cluster before the run.
    pub(crate) prepare: fn(&Cluster),
}

impl Mode {
    /// Returns a command in the usual cluster.
    pub(crate) fn of(words: &[&'static str]) -> Self {
        Self { words: words.to_vec(), timeout: TIMEOUT, prepare: |_| () }
    }

    pub(crate) fn simulation(&self) -> Rc<Simulation> {
        let simulation = Simulation::new(1);
        (self.prepare)(&simulation.cluster);
        simulation
    }

    /// Returns the requests of the command without faults.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.ended(&[]).1.requests()
    }

    /// Returns the end and the history of the command with these faults.
    pub(crate) fn ended(&self, faults: &[(usize, Fault)]) -> (Ended, History) {
        self.simulation().run(&self.words, faults)
    }

    /// Runs the command with these faults; returns a sentence for each broken promise.
    pub(crate) fn violations(&self, faults: &[(usize, Fault)]) -> Vec<String> {
        let simulation = self.simulation();
        let cluster = &simulation.cluster;
        let before = cluster.proof();
        let (ended, history) = simulation.run(&self.words, faults);
        let (ended, history, timeout) = (&ended, &history, self.timeout);
        let has_control = self.words.contains(&"--control-namespace");
        let trial =
            Trial { ended, report: ended.report(), history, cluster, faults, timeout, before, has_control };
        let mut found = trial.violations();
        if ended.code.is_none() {
            simulation.act(async { sleep(LIFETIME).await });
            let stayed = open_visits(cluster, history);
            if !stayed.is_empty() {
                found.push(format!("{stayed:?} run on after their lifetime"));
            }
        }
        if !left(cluster, history).is_empty() {
            let (cleaned, _) = simulation.run(CLEANUP, &[]);
            let left = left(cluster, history);
            if !left.is_empty() || cleaned.code != Some(0) {
                found.push(format!("{left:?} is left after cleanup, which ended with {cleaned:?}"));
            }
        }
        found
    }

    /// Runs the command with each fault at each of its requests, where they are tried together.
    pub(crate) fn enumerate(&self, is_tried: impl Fn(&str, Fault) -> bool) {
        let asked = self.requests();
        let mut meetings = meetings(&asked, |_| true);
        meetings.retain(|&(number, fault)| is_tried(&asked[number], fault));
        assert!(!meetings.is_empty(), "{asked:#?}");
        let told = check_all(&meetings, |&(number, fault)| {
            let found = self.violations(&[(number, fault)]);
            found.iter().map(|it| format!("{fault:?} at {number}, {}: {it}", asked[number])).collect()
        });
        assert!(told.is_empty(), "{} broken promises\n{}", told.len(), told.join("\n"));
    }
}

/// Returns the requests of a command without faults in the usual cluster.
pub(crate) fn requests(words: &[&'static str]) -> Vec<String> {
    Mode::of(words).requests()
}

/// Returns each of the requests with each of the faults that it can meet.
pub(crate) fn meetings(asked: &[String], is_tried: impl Fn(Fault) -> bool) -> Vec<(usize, Fault)> {
    let mut meetings = Vec::new();
    for (number, request) in asked.iter().enumerate() {
        let faults = Fault::each().filter(|fault| is_tried(*fault) && fault.meets(request));
        meetings.extend(faults.map(|fault| (number, fault)));
    }
    meetings
}

#[test]
fn no_fault_breaks_a_promise_of_a_run_without_control() {
    Mode::of(PLAIN).enumerate(|_, _| true);
}

#[test]
fn no_fault_breaks_a_promise_of_a_run_with_control() {
    Mode::of(&with_control()).enumerate(|_, _| true);
}

/// The usual timeout is so long that a request may wait too long within it.
#[test]
fn a_request_that_hangs_is_given_up_at_its_deadline() {
    let words: Vec<_> = with_control().into_iter().map(|it| if it == "60s" { "15s" } else { it }).collect();
    let mode = Mode { timeout: Duration::from_secs(15), ..Mode::of(&words) };
    assert_eq!(mode.simulation().run(&mode.words, &[]).0.code, Some(0));
    mode.enumerate(|request, fault| fault == Fault::Hang && !request.starts_with("GET"));
}

/// The report of an interrupted run is not written, so that standard error names what stays.
#[test]
fn an_interrupted_run_names_what_it_could_not_remove() {
    let mode = Mode::of(&with_control());
    let first = mode.requests().iter().position(|request| request.starts_with("POST")).unwrap();
    let (_, history) = mode.simulation().run(&mode.words, &[(first, Fault::Interrupt)]);
    let requests = history.requests();
    let removals: Vec<_> = (first..requests.len()).filter(|&it| requests[it].starts_with("DELETE")).collect();
    assert!(!removals.is_empty(), "{requests:#?}");
    for removal in removals {
        assert_eq!(mode.violations(&[(first, Fault::Interrupt), (removal, Fault::Hang)]), [""; 0]);
    }
}

/// The cleanup of a killed run is killed at each of its requests, too, and the next cleanup removes the rest.
#[test]
fn a_cleanup_that_is_killed_is_made_again() {
    let mode = Mode::of(&with_control());
    let asked = mode.requests();
    let first = asked.iter().position(|request| request.starts_with("POST")).unwrap();
    let kills: Vec<_> = (first..asked.len()).collect();
    let told = check_all(&kills, |&number| {
        let mut told = Vec::new();
        let mut requests = usize::MAX;
        let mut kill = 0;
        while kill < requests {
            let simulation = mode.simulation();
            let (_, history) = simulation.run(&mode.words, &[(number, Fault::Kill)]);
            let own: BTreeSet<_> = history.made().into_iter().map(|(uid, _)| uid).collect();
            let (killed, cleaning) = simulation.run(CLEANUP, &[(kill, Fault::Kill)]);
            if killed.code.is_some() {
                requests = kill;
            }
            told.extend(foreign(&cleaning, &own));
            let (cleaned, _) = simulation.run(CLEANUP, &[]);
            let left = left(&simulation.cluster, &history);
            if !left.is_empty() || cleaned.code != Some(0) {
                told.push(format!("killed at {number} and {kill}: {left:?} is left, {cleaned:?}"));
            }
            kill += 1;
        }
        told
    });
    assert!(told.is_empty(), "{} broken promises\n{}", told.len(), told.join("\n"));
}
