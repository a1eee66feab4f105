//! Commands whose answer, report or evidence cannot be written: on a full disk, or at a closed pipe.

use std::io::ErrorKind;

use crate::{
    checker::left,
    commands::{DOCTOR, PLAN, killed},
    crew::check_all,
    enumeration::{CLEANUP, Mode, meetings, requests},
    fault::Fault,
    live::live,
    publication,
    simulation::{Ended, Simulation},
    verify::{PLAIN, with_control},
};

/// The failures of a write to the standard output.
const FAILURES: [ErrorKind; 2] = [ErrorKind::BrokenPipe, ErrorKind::StorageFull];

/// A device on which every write fails as on a full disk (`full(4)`).
const FULL: &str = "/dev/full";

/// Returns a sentence for each broken promise of a run that cannot write.
fn broken(words: &[&str], closes: bool, faults: &[(usize, Fault)]) -> Vec<String> {
    let simulation = Simulation::new(1);
    if closes {
        simulation.fail_output(ErrorKind::BrokenPipe);
    }
    let (Ended { code, errors, .. }, history) = simulation.run(words, faults);
    let mut found = Vec::new();
    if !matches!(code, None | Some(4 | 130)) {
        found.push(format!("exit code {code:?}, and nothing was written: {errors}"));
    }
    let left = left(&simulation.cluster, &history);
    // The report, which names what is left, may be lost.
    let is_named = errors.contains("controller cleanup --namespace");
    if code.is_some() && !left.is_empty() && !is_named {
        found.push(format!("{left:?} is left and not named"));
    }
    found
}

#[test]
fn a_run_with_a_closed_pipe_is_never_a_success() {
    let words = with_control();
    let asked = requests(&words);
    // The requests that act, with the faults that end a run early or leave something behind.
    let acts = |&(number, _): &(usize, Fault)| !asked[number].starts_with("GET");
    let meetings = meetings(&asked, |fault| matches!(fault, Fault::HangAfter | Fault::Interrupt));
    let meetings: Vec<_> = meetings.into_iter().filter(acts).map(Some).chain([None]).collect();
    let told = check_all(&meetings, |fault| {
        let found = broken(&words, true, fault.as_slice());
        found.iter().map(|it| format!("{fault:?}: {it}")).collect()
    });
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn a_run_whose_evidence_finds_a_full_disk_is_never_a_success() {
    let words = [&with_control()[..], &["--save-evidence", FULL]].concat();
    assert_eq!(broken(&words, false, &[]), [""; 0]);
}

#[test]
fn a_run_whose_report_finds_a_full_disk_is_never_a_success() {
    let words = [&with_control()[..], &["--output", "junit=/dev/full"]].concat();
    assert_eq!(broken(&words, false, &[]), [""; 0]);
}

#[test]
fn a_report_is_written_though_the_evidence_finds_a_full_disk() {
    let words = [&with_control()[..], &["--save-evidence", FULL]].concat();
    let (ended, _) = Simulation::new(1).run(&words, &[]);
    assert!(ended.report().is_some() && ended.errors.contains(FULL), "{ended:?}");
}

#[test]
fn a_run_of_any_mode_whose_output_fails_is_never_a_success() {
    for mode in [Mode::of(PLAIN), Mode::of(&with_control()), live(), publication::first()] {
        for failure in FAILURES {
            let simulation = mode.simulation();
            simulation.fail_output(failure);
            let (ended, history) = simulation.run(&mode.words, &[]);
            assert_eq!(ended.code, Some(4), "{failure}: {ended:?}");
            assert_eq!(left(&simulation.cluster, &history), [""; 0]);
        }
    }
}

#[test]
fn a_question_whose_answer_cannot_be_written_is_never_a_success() {
    for words in [PLAN, DOCTOR] {
        for failure in FAILURES {
            let simulation = Simulation::new(1);
            simulation.fail_output(failure);
            let (ended, history) = simulation.run(words, &[]);
            assert_eq!((ended.code, history.made()), (Some(4), Vec::new()), "{failure}: {ended:?}");
        }
    }
}

#[test]
fn a_cleanup_whose_answer_cannot_be_written_removes_everything_and_is_no_success() {
    for failure in FAILURES {
        let (simulation, history) = killed();
        simulation.fail_output(failure);
        let (ended, _) = simulation.run(CLEANUP, &[]);
        assert_eq!(ended.code, Some(4), "{failure}: {ended:?}");
        assert_eq!(left(&simulation.cluster, &history), [""; 0]);
    }
}
