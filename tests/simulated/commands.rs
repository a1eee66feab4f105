//! The commands that make no run, with every fault at every request.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    checker::{foreign, left},
    cluster::{CONTROL, IMAGE, NAMESPACE},
    crew::check_all,
    enumeration::{CLEANUP, meetings, requests},
    fault::Fault,
    history::History,
    simulation::{Ended, Simulation},
    verify::with_control,
};

/// The time limit of a command that makes no run.
const TIMEOUT: Duration = Duration::from_mins(1);
pub(crate) const PLAN: &[&str] = &asking("plan");
pub(crate) const DOCTOR: &[&str] = &asking("doctor");

/// Returns the words of a command that asks the cluster about a run.
const fn asking(command: &'static str) -> [&'static str; 9] {
    let image = "registry.example/probe:1";
    let (judged, control) = ("--namespace", "--control-namespace");
    [command, judged, NAMESPACE, control, CONTROL, "--image", image, "--image-digest", IMAGE]
}

/// Returns a sentence for each broken promise of a command that changes nothing.
fn changed(ended: &Ended, history: &History, codes: &[u8]) -> Vec<String> {
    let (made, deleted) = (history.made(), history.deleted());
    let mut found = Vec::new();
    if !made.is_empty() || !deleted.is_empty() {
        found.push(format!("it made {made:?} and deleted {deleted:?}"));
    }
    if ended.took > TIMEOUT {
        found.push(format!("it took {:?}", ended.took));
    }
    if ended.code.is_some_and(|code| !codes.contains(&code)) {
        found.push(format!("exit code {:?}: {}", ended.code, ended.errors));
    }
    found
}

fn each_fault(words: &[&str], asked: &[String], broken: impl Fn(&[(usize, Fault)]) -> Vec<String> + Sync) {
    let meetings = meetings(asked, |fault| fault != Fault::Interrupt);
    let told = check_all(&meetings, |&(number, fault)| {
        let found = broken(&[(number, fault)]);
        found.iter().map(|it| format!("{words:?}, {fault:?} at {number}, {}: {it}", asked[number])).collect()
    });
    assert!(told.is_empty(), "{} broken promises\n{}", told.len(), told.join("\n"));
}

#[test]
fn no_fault_lets_a_plan_change_anything() {
    each_fault(PLAN, &requests(PLAN), |faults| {
        let (ended, history) = Simulation::new(1).run(PLAN, faults);
        changed(&ended, &history, &[0, 3, 4])
    });
}

#[test]
fn no_fault_lets_the_doctor_change_anything() {
    each_fault(DOCTOR, &requests(DOCTOR), |faults| {
        let (ended, history) = Simulation::new(1).run(DOCTOR, faults);
        changed(&ended, &history, &[0, 3, 4])
    });
}

/// Returns a cluster in which a run was killed while its probes were asked, and the history of the run.
pub(crate) fn killed() -> (std::rc::Rc<Simulation>, History) {
    let words = with_control();
    let exec = requests(&words).iter().position(|request| request.contains("/exec?")).unwrap();
    let simulation = Simulation::new(1);
    let (_, history) = simulation.run(&words, &[(exec, Fault::Kill)]);
    (simulation, history)
}

#[test]
fn a_killed_run_leaves_objects_that_cleanup_removes() {
    let (simulation, history) = killed();
    assert!(!left(&simulation.cluster, &history).is_empty());
    let (cleaned, _) = simulation.run(CLEANUP, &[]);
    assert_eq!(cleaned.code, Some(0), "{cleaned:?}");
    assert!(left(&simulation.cluster, &history).is_empty());
}

#[test]
fn a_namespace_that_cannot_be_read_hides_no_removal_in_another() {
    let (simulation, _) = killed();
    let (_, asked) = simulation.run(CLEANUP, &[]);
    for (unread, other) in [(CONTROL, NAMESPACE), (NAMESPACE, CONTROL)] {
        let list = format!("GET /api/v1/namespaces/{unread}/");
        let list = asked.requests().iter().position(|request| request.starts_with(&list)).unwrap();
        let (simulation, _) = killed();
        let (cleaned, _) = simulation.run(CLEANUP, &[(list, Fault::Status(403))]);
        assert_eq!(cleaned.code, Some(4), "{cleaned:?}");
        assert!(cleaned.output.contains(&format!("in namespace {other}")), "{cleaned:?}");
    }
}

#[test]
fn no_fault_breaks_a_promise_of_cleanup() {
    let (simulation, _) = killed();
    let (_, asked) = simulation.run(CLEANUP, &[]);
    each_fault(CLEANUP, &asked.requests(), |faults| {
        let (simulation, run) = killed();
        let made: BTreeSet<_> = run.made().iter().map(|(uid, _)| *uid).collect();
        let (ended, history) = simulation.run(CLEANUP, faults);
        let left = left(&simulation.cluster, &run);
        let mut found: Vec<_> = foreign(&history, &made).into_iter().collect();
        if ended.took > TIMEOUT {
            found.push(format!("it took {:?}", ended.took));
        }
        if ended.code == Some(0) && !left.is_empty() {
            found.push(format!("nothing is left, it says, and {left:?} is"));
        }
        if ended.code.is_some_and(|code| ![0, 4, 6].contains(&code)) {
            found.push(format!("exit code {:?}: {}", ended.code, ended.errors));
        }
        if !left.is_empty() {
            let (again, _) = simulation.run(CLEANUP, &[]);
            let left = self::left(&simulation.cluster, &run);
            if again.code != Some(0) || !left.is_empty() {
                found.push(format!("{left:?} is left after one more cleanup, which ended with {again:?}"));
            }
        }
        found
    });
}
