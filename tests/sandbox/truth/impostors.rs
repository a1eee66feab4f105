//! What dresses up as gVisor. None is taken for it.

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
        disguise("tracer-of-a-copy").disguised(),
        // Not found among the machine's processes; procfs tells that something is imitated.
        disguise("tracer-of-an-altered-copy").unclear("ptrace"),
        World::other("runc, a library that is loaded before", runc(), bundle(&[changes::preloaded])),
        World::other("runc in a time namespace", runc().map(in_time), bundle(&[])),
    ]
}

/// Its clocks are others, and Linux maps another page beside the vDSO (time_namespaces(7)).
fn in_time(runc: String) -> String {
    format!("unshare --time --monotonic=100000 --boottime=100000 {runc}")
}
