//! Watches that are refused, because their runs cannot prove a node.

use super::{tainted, words};
use crate::simulation::Ended;

/// Returns the end of a watch whose words are others than they should be.
fn refused(word: &str, by: &str) -> Ended {
    let simulation = tainted();
    let words: Vec<_> = words().into_iter().map(|it| if it == word { by } else { it }).collect();
    let (ended, history) = simulation.run(&words, &[]);
    assert_eq!((ended.code, history.requests().len()), (Some(2), 0), "{ended:?}");
    ended
}

#[test]
fn a_watch_for_less_than_production_is_refused() {
    for environment in ["development", "staging"] {
        let ended = refused("production", environment);
        assert!(ended.errors.contains("`--environment production`"), "{}", ended.errors);
    }
}

#[test]
fn a_watch_of_one_node_for_each_pool_is_refused() {
    let ended = refused("all", "per-pool");
    assert!(ended.errors.contains("`--nodes all`"), "{}", ended.errors);
}
