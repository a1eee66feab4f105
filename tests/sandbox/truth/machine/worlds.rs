//! The worlds of the machine: gVisor on each of its platforms, its Linux, imitations of gVisor, and signals withheld.

use controller::judge::gvisor::{SIGNALS, Strength};
use stage::worlds::releases::{Platform, Runsc};

use super::super::{Change, Expected, Outcome, World, changes, genuine::DIRECTFS};

/// The architecture, as Rust names it.
const ARCHITECTURE: &str = "aarch64";

/// A world, and the exit code of a run in it.
#[derive(Debug)]
pub(super) struct Expecting {
    pub(super) world: World,
    pub(super) code: i32,
}

/// Changes to a bundle, or the controller's own bundle.
type Bundle = Option<&'static [Change]>;

/// The bundles in which each platform of each release runs, and the exit code. Texts are hidden by files of the machine,
/// which filesystem-isolation finds.
const GENUINE: [(&str, Bundle, i32); 3] = [
    ("of its own", None, 0),
    ("with a seccomp profile", Some(&[changes::hardened_profile]), 0),
    ("texts hidden", Some(&[changes::hidden_texts]), 1),
];

/// Releases without a row for every bundle and signal.
const IN_BRIEF: [u32; 2] = [2023, 2025];
/// The signal that is withheld in such a release.
const WITHHELD_IN_BRIEF: &str = "vdso-image";

/// Worlds whose kernel is the machine's Linux: a name, a runtime, a bundle, and whether something claims to be gVisor.
const OTHERS: &[(&str, Option<&str>, Bundle, bool)] = &[
    ("runc", Some(RUNC), None, false),
    ("runc as root", Some(RUNC), Some(&[changes::as_root]), false),
    ("runc with a seccomp profile", Some(RUNC), Some(&[changes::hardened_profile]), false),
    ("crun", Some(CRUN), Some(&[]), false),
    ("crun as root", Some(CRUN), Some(&[changes::as_root]), false),
    ("crun with a seccomp profile", Some(CRUN), Some(&[changes::hardened_profile]), false),
    ("bubblewrap", Some("plain bubblewrap"), Some(&[]), false),
    ("chroot", Some("plain chroot"), Some(&[]), false),
    ("no sandbox", None, None, false),
    ("runc, gVisor's texts over files of procfs", Some(RUNC), Some(&[changes::texts_over_procfs]), true),
    ("bubblewrap, a private procfs", Some("plain bubblewrap"), Some(&[changes::private_procfs]), true),
    ("runc, a profile with gVisor's errors", Some(RUNC), Some(&[changes::imitating_profile]), false),
    (
        "runc, texts and a profile",
        Some(RUNC),
        Some(&[changes::texts_over_procfs, changes::imitating_profile]),
        true,
    ),
    ("runc, an image with gVisor's markers", Some(RUNC), Some(&[changes::markers]), true),
    ("runc, kernel-log", Some("disguise kernel-log runc"), None, true),
    ("runc, supervisor", Some("disguise supervisor runc"), None, true),
    ("runc, a library that is loaded before", Some(RUNC), Some(&[changes::preloaded]), false),
    (
        "runc in a time namespace",
        Some("unshare --fork --time --monotonic=100000 --boottime=100000 runc"),
        Some(&[]),
        false,
    ),
];
const RUNC: &str = "runc";
const CRUN: &str = "crun";

/// Returns every world, in the order in which the machine runs them.
pub(super) fn all() -> Vec<Expecting> {
    let mut all = Vec::new();
    for runsc in Runsc::in_the_machine() {
        let bundles = if is_in_brief(&runsc) { &GENUINE[..1] } else { &GENUINE };
        for &platform in runsc.platforms() {
            all.extend(bundles.iter().map(|&(name, bundle, code)| {
                let name = format!("runsc of {}, {platform}, {name}", runsc.year());
                Expecting { code, ..genuine(&name, command(&runsc, platform), bundle, &runsc) }
            }));
        }
    }
    all.extend(OTHERS.iter().map(|&(name, runtime, bundle, disguise)| {
        let others = other(name, runtime.map(str::to_owned), bundle);
        if disguise { Expecting { world: others.world.disguised(), ..others } } else { others }
    }));
    let strong = SIGNALS.iter().filter(|signal| signal.strength == Strength::InMemory);
    for signal in strong.filter(|signal| signal.architectures.contains(&ARCHITECTURE)) {
        let without = |runtime: &str| format!("withhold {} {runtime}", signal.id);
        all.push(other(&format!("runc without {}", signal.id), Some(without(RUNC)), None));
        let is_withheld = |runsc: &Runsc| !is_in_brief(runsc) || signal.id == WITHHELD_IN_BRIEF;
        all.extend(Runsc::in_the_machine().into_iter().filter(is_withheld).map(|runsc| {
            let name = format!("runsc of {} without {}", runsc.year(), signal.id);
            genuine(&name, without(&command(&runsc, runsc.platforms()[0])), None, &runsc)
        }));
    }
    all
}

fn other(name: &str, runtime: Option<String>, bundle: Bundle) -> Expecting {
    let none = runtime.is_none();
    let name = format!("{ARCHITECTURE}, {name}");
    let mut world = World::other(name, Ok(runtime.unwrap_or_default()), bundle.map(<[_]>::to_vec));
    world.runtime = world.runtime.filter(|_| !none);
    Expecting { world, code: 1 }
}

/// Expects gVisor. Neither platform leaves a trace in a program of this architecture.
fn genuine(name: &str, runtime: String, bundle: Bundle, runsc: &Runsc) -> Expecting {
    let expected = Expected {
        outcome: Outcome::Met,
        disguise: false,
        platform: Some("unknown"),
        released: Some(runsc.date),
        weakened: (runsc.date >= DIRECTFS).then_some("directfs").into_iter().collect(),
    };
    let world = World { expected, ..other(name, Some(runtime), bundle).world };
    Expecting { world, code: 0 }
}

fn is_in_brief(runsc: &Runsc) -> bool {
    IN_BRIEF.contains(&runsc.year())
}

fn command(runsc: &Runsc, platform: Platform) -> String {
    format!("{} --network=none", runsc.command(platform))
}
