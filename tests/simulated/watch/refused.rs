//! Watches that are refused at their start, since no gate takes what they could publish.

use super::{WATCH, simulation};

/// Returns the errors of a watch that is refused before it asks the cluster anything.
fn refused(words: &[&str]) -> String {
    let (ended, history) = simulation().run(&[WATCH, words].concat(), &[]);
    assert_eq!((ended.code, history.requests().len()), (Some(2), 0), "{words:?}: {ended:?}");
    assert!(ended.errors.contains("help: "), "{}", ended.errors);
    ended.errors
}

#[test]
fn a_watch_of_a_part_is_refused_by_its_flag() {
    for (words, flag) in [
        (&["--like", "deployment/web"][..], "--like"),
        (&["--no-network"], "--no-network"),
        (&["--only", "production"], "--only production"),
    ] {
        let errors = refused(words);
        assert!(errors.contains(&format!("{flag} leaves a part of it out")), "{errors}");
    }
}

#[test]
fn a_watch_that_visits_running_pods_is_refused() {
    for words in [&["--live"][..], &["--live=all"], &["--live=pod/web-1"]] {
        let errors = refused(words);
        assert!(errors.contains("`controller verify --live`"), "{errors}");
    }
}

#[test]
fn a_proof_that_ends_with_its_run_is_refused() {
    let errors = refused(&["--valid-for", "59s"]);
    assert!(errors.contains("shorter than 1m"), "{errors}");
}
