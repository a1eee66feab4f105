//! Worlds that are not gVisor, and do not claim to be.

use stage::{run, worlds};

use super::{Change, World, changes};

/// The users, with and without a profile.
const BUNDLES: [(&str, &[Change]); 4] = [
    ("as nobody", &[]),
    ("as root", &[changes::as_root]),
    ("as nobody with a seccomp profile", &[changes::hardened_profile]),
    ("as root with a seccomp profile", &[changes::as_root, changes::hardened_profile]),
];

pub(super) fn worlds() -> Vec<World> {
    let runtimes = [
        ("runc", worlds::installed("runc")),
        ("crun", crun()),
        ("bubblewrap", worlds::installed("bwrap").map(|_| plain("bubblewrap"))),
        ("chroot", Ok(plain("chroot"))),
    ];
    let mut all: Vec<_> = runtimes
        .into_iter()
        .flat_map(|(name, runtime)| {
            BUNDLES.map(|(how, bundle)| {
                World::other(format!("{name} {how}"), runtime.clone(), Some(bundle.to_vec()))
            })
        })
        .collect();
    all.push(World { runtime: None, ..World::other("no sandbox", Ok(String::new()), None) });
    all
}

fn plain(kind: &str) -> String {
    format!("{} {kind}", run::prop("plain").display())
}

/// Returns crun's command. crun before 1.9 does not run beside a second hierarchy of control groups, so that
/// hierarchy is unmounted for it.
pub(crate) fn crun() -> Result<String, String> {
    let script = "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$0\" \"$@\"";
    Ok(format!("unshare --mount sh -c '{script}' {}", worlds::installed("crun")?))
}
