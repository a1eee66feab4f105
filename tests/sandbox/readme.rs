//! The README shows a real run: this is that run.

use std::fs;

use stage::{Ground, run};

use crate::{Row, row};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

pub(super) fn rows() -> Vec<Row> {
    vec![row("the README shows what a run prints", shown)]
}

/// Returns the lines without the machine, the time and the run, which differ from run to run.
pub(super) fn lasting(text: &str) -> Vec<&str> {
    let differs = |line: &&str| ["   place ", "   time "].iter().any(|name| line.starts_with(name));
    text.lines().filter(|line| !differs(line)).collect()
}

fn shown() {
    let readme = fs::read_to_string(README).unwrap();
    let (_, rest) = readme.split_once("$ controller verify --local\n").unwrap();
    let (shown, _) = rest.split_once("```").unwrap();
    let ground = Ground::new();
    let ended = run::run(
        &["verify", "--local", "--quiet"],
        ground.path(),
        &[("COLUMNS", "80"), ("PODPROOF_SETTLE", "")],
    );
    assert_eq!(lasting(shown), lasting(&ended.out), "copy this into README.md:\n{}", ended.out);
}
