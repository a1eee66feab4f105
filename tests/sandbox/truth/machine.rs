//! The core of the matrix on `AArch64`, in an emulated machine that runs every world in one boot.

mod worlds;

use std::{
    fs,
    io::Write,
    sync::{Arc, OnceLock},
};

use stage::{
    bundle,
    machine::{Case, Machine, Parts},
};

use super::{Place, check};
use crate::{Row, row};
use worlds::Expecting;

/// Returns a row for each world. The first row that runs boots the machine.
pub(super) fn rows(first: Place) -> Vec<Row> {
    let worlds = Arc::new(worlds::all());
    let names: Vec<_> = worlds.iter().map(|it| format!("truth: {}", it.world.name)).collect();
    let parts = match Parts::find() {
        Ok(parts) => parts,
        Err(missing) => {
            _ = writeln!(std::io::stderr(), "SKIPPING THE MACHINE OF AARCH64: {missing}");
            let skipped = std::env::var_os("CI").is_none();
            let row = |name| {
                let missing = missing.clone();
                Row { skipped, ..row(name, move || panic!("{missing}")) }
            };
            return names.into_iter().map(row).collect();
        }
    };
    let machine = Arc::new(OnceLock::new());
    let rows = names.into_iter().enumerate().map(|(number, name)| {
        let (machine, worlds, parts) = (Arc::clone(&machine), Arc::clone(&worlds), parts.clone());
        row(name, move || {
            let machine = machine.get_or_init(|| start(parts, &worlds));
            let finished = machine.finished(number).unwrap_or_else(|why| panic!("{why}"));
            let Expecting { world, code } = &worlds[number];
            check(first + number, world, &finished.ended);
            assert_eq!(finished.ended.code(), Some(*code), "{:#?}", finished.ended);
            assert_eq!(finished.left, [""; 0], "{:#?}", finished.ended);
        })
    });
    rows.collect()
}

fn start(parts: Parts, worlds: &[Expecting]) -> Machine {
    let folder = tempfile::Builder::new().prefix("stage-").tempdir().unwrap();
    let cases = worlds.iter().enumerate().map(|(number, Expecting { world, .. })| {
        let bundle = world.bundle.as_ref().map(|changes| {
            let place = folder.path().join(format!("bundle-{number}"));
            fs::create_dir(&place).unwrap();
            bundle::write(&place, |config| changes.iter().for_each(|change| change(&place, config)));
            place
        });
        Case { words: world.words(bundle.as_deref()), folder: bundle }
    });
    let cases = cases.collect();
    Machine::start(parts, cases, folder)
}
