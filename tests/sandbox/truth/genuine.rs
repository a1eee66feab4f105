//! gVisor itself: every release and platform, with every setting that it accepts.

use stage::worlds::releases::{self, Date, Platform, Release, Runsc};

use super::{Change, Expected, Missing, Outcome, World, changes};

/// A way to run gVisor.
#[derive(Clone, Copy)]
struct Setting {
    name: &'static str,
    /// Further words of its command line; a word that names the network replaces `--network=none`.
    words: &'static str,
    bundle: &'static [Change],
    /// The first release with these words.
    since: Date,
    /// The weakened properties, in the words of the report.
    weakens: &'static [&'static str],
    /// The outcome of `runtime-isolation`.
    outcome: Outcome,
}

const fn setting(name: &'static str, words: &'static str, bundle: &'static [Change], since: Date) -> Setting {
    Setting { name, words, bundle, since, weakens: &[], outcome: Outcome::Met }
}

const fn weakness(
    name: &'static str,
    words: &'static str,
    bundle: &'static [Change],
    since: Date,
    weakens: &'static [&'static str],
) -> Setting {
    Setting { name, words, bundle, since, weakens, outcome: Outcome::Met }
}

/// A setting that leaves the sandbox's process with capabilities in the machine's user namespace.
const fn on_the_machine(it: Setting) -> Setting {
    Setting { outcome: Outcome::Inconclusive, ..it }
}

/// A date before every release.
const ALWAYS: Date = (0, 0, 0);

/// Settings with the dates of gVisor's commits.
const SETTINGS: &[Setting] = &[
    setting("as nobody", "", &[], ALWAYS),
    setting("as root", "", &[changes::as_root], ALWAYS),
    setting("with a seccomp profile", "", &[changes::hardened_profile], ALWAYS),
    setting("as root with a seccomp profile", "", &[changes::as_root, changes::hardened_profile], ALWAYS),
    setting("its profile enforced", "--oci-seccomp", &[changes::hardened_profile], ALWAYS),
    setting("other limits", "", &[changes::other_limits], ALWAYS),
    setting("texts hidden", "", &[changes::hidden_texts], ALWAYS),
    setting("marker file", "--gvisor-marker-file", &[], (2025, 4, 18)),
    setting("no syscall patching", "--systrap-disable-syscall-patching", &[], (2025, 5, 8)),
    setting("directfs off", "--directfs=false", &[], DIRECTFS),
    on_the_machine(weakness(
        "network host",
        "--network=host",
        &[changes::shared_network],
        ALWAYS,
        &["host network"],
    )),
    on_the_machine(weakness("not confined", "--TESTONLY-unsafe-nonroot", &[], ALWAYS, &[])),
    weakness("raw sockets", "--net-raw", &[changes::raw_sockets], ALWAYS, &["raw sockets"]),
    weakness(
        "overlay none, root writable",
        "--overlay2=none",
        &[changes::writable_root],
        ALWAYS,
        &["overlay"],
    ),
    // Releases with an overlay refuse the first flag without the second.
    weakness("file access shared", "--file-access=shared --overlay2=none", &[], ALWAYS, &["file access"]),
    weakness("host unix sockets", "--host-uds=open", &[], ALWAYS, &["host unix sockets"]),
    // Earlier releases do not show it.
    weakness("host FIFOs", "--host-fifo=open --overlay2=none", &[], DIRECTFS, &["host FIFOs"]),
    weakness("io_uring", "--iouring", &[], IO_URING, &["io_uring"]),
];

/// The first release in which directfs is on by default.
pub(super) const DIRECTFS: Date = (2023, 5, 18);
/// The first release here with `io_uring`.
const IO_URING: Date = (2024, 7, 29);

pub(super) fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for Release { name, runsc } in releases::all().unwrap_or_default() {
        match runsc {
            Ok(runsc) => {
                for &platform in runsc.platforms() {
                    worlds.extend(SETTINGS.iter().map(|setting| world(&runsc, platform, setting)));
                }
            }
            Err(missing) => worlds.push(World::other(name, Err(missing), None)),
        }
    }
    worlds
}

fn world(runsc: &Runsc, platform: Platform, setting: &Setting) -> World {
    let network = if setting.words.contains("--network") { "" } else { "--network=none" };
    let command = [runsc.command(platform).as_str(), network, setting.words].join(" ");
    let lacks = runsc.date < setting.since;
    World {
        name: format!("runsc of {}, {platform}, {}", runsc.year(), setting.name),
        runtime: Some(command),
        bundle: Some(setting.bundle.to_vec()),
        apart: network.is_empty(),
        missing: lacks.then_some(Missing::InThisRelease(setting.words)),
        expected: Expected {
            outcome: setting.outcome,
            disguise: false,
            platform: Some(platform.name()),
            released: Some(runsc.date),
            weakened: weakened(runsc, platform, setting),
        },
    }
}

/// Returns the weakened properties in alphabetical order, as the report's columns are compared.
fn weakened(runsc: &Runsc, platform: Platform, setting: &Setting) -> Vec<&'static str> {
    let directfs = runsc.date >= DIRECTFS && !setting.words.contains("--directfs=false");
    let of_the_release =
        [directfs.then_some("directfs"), (platform == Platform::Ptrace).then_some("platform")];
    let mut weakened: Vec<_> =
        of_the_release.into_iter().flatten().chain(setting.weakens.iter().copied()).collect();
    weakened.sort_unstable();
    weakened
}
