//! The model of policies beside truth tables that others wrote. Programs of the tests, built from Go modules, print the
//! cases and what is expected of them.
#![forbid(unsafe_code)]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends here"
)]

mod cyclonus;
mod pods;
mod specs;

use std::{path::Path, process::Command};

const PARTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/parts/build");

/// Returns the command of a part's only program, which has the part's name. A missing part is built.
fn program(part: &str) -> Command {
    let built = Command::new(PARTS).arg(part).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let folder = String::from_utf8(built.stdout).unwrap();
    Command::new(Path::new(folder.trim()).join(part))
}
