//! Worlds that dress up as gVisor. None of them is taken for gVisor.

use stage::{run, worlds};

use super::{Change, World, changes};

pub(super) fn worlds() -> Vec<World> {
    let runc = || worlds::installed("runc");
    let bubblewrap = || {
        let plain = format!("{} bubblewrap", run::prop("plain").display());
        worlds::installed("bwrap").map(|_| plain)
    };
    let bundle = |changes: &[Change]| Some(changes.to_vec());
    let disguise = |kind: &str| {
        let command = |runc: String| format!("{} {kind} {runc}", run::prop("disguise").display());
        World::other(format!("runc, {kind}"), worlds::installed("runc").map(command), None)
    };
    vec![
        World::other(
            "runc, gVisor's texts over files of procfs",
            runc(),
            bundle(&[changes::texts_over_procfs]),
        )
        .disguised(),
        World::other("bubblewrap, a private procfs", bubblewrap(), bundle(&[changes::private_procfs]))
            .disguised(),
        World::other("runc, a profile with gVisor's errors", runc(), bundle(&[changes::imitating_profile])),
        World::other(
            "runc, texts and a profile",
            runc(),
            bundle(&[changes::texts_over_procfs, changes::imitating_profile]),
        )
        .disguised(),
        World::other("runc, an image with gVisor's markers", runc(), bundle(&[changes::markers])).disguised(),
        disguise("kernel-log").disguised(),
        disguise("supervisor").disguised(),
        disguise("tracer").disguised(),
        // A copy is not found among the machine's processes. procfs shows that something is imitated.
        disguise("tracer-of-a-copy").unclear("ptrace"),
        World::other("runc, a library that is loaded before", runc(), bundle(&[changes::preloaded])),
        World::other("runc in a time namespace", runc().map(|runc| in_time(&runc)), bundle(&[])),
    ]
}

/// Returns runc in a time namespace, which has other clocks. There, Linux maps another page beside the vDSO
/// (`time_namespaces(7)`).
fn in_time(runc: &str) -> String {
    format!("unshare --time --monotonic=100000 --boottime=100000 {runc}")
}
