//! Worlds with one signal withheld: a strong verdict stays the same, and no verdict turns into its opposite.

use controller::judge::gvisor::{SIGNALS, Signal, Strength};
use stage::{
    run,
    worlds::{
        self,
        releases::{self, Platform, Release, Runsc},
    },
};

use super::{Expected, Outcome, World, genuine::DIRECTFS};

/// The signal that tells systrap from other platforms. Without it no platform is known.
const OF_PLATFORMS: &str = "gs-pointer";

pub(super) fn worlds() -> Vec<World> {
    let strong = SIGNALS.iter().filter(|signal| signal.strength == Strength::InMemory);
    strong.flat_map(|signal| without(signal)).collect()
}

fn without(signal: &Signal) -> Vec<World> {
    let withhold = format!("{} {}", run::prop("withhold").display(), signal.id);
    let runc = worlds::installed("runc").map(|runc| format!("{withhold} {runc}"));
    let mut all = vec![World::other(format!("runc without {}", signal.id), runc, None)];
    for Release { name, runsc } in releases::all().unwrap_or_default() {
        let name = format!("{name} without {}", signal.id);
        all.push(match runsc {
            Ok(release) => genuine(name, &withhold, signal, &release),
            Err(missing) => World::other(name, Err(missing), None),
        });
    }
    all
}

fn genuine(name: String, withhold: &str, signal: &Signal, runsc: &Runsc) -> World {
    let platform = runsc.platforms()[0];
    let command = format!("{withhold} {} --network=none", runsc.command(platform));
    let unknown = signal.id == OF_PLATFORMS;
    let ptrace = platform == Platform::Ptrace && !unknown;
    let weakened = [(runsc.date >= DIRECTFS, "directfs"), (ptrace, "platform")];
    let weakened = weakened.into_iter().filter_map(|(weak, name)| weak.then_some(name)).collect();
    let expected = Expected {
        outcome: Outcome::Met,
        disguise: false,
        platform: Some(if unknown { "unknown" } else { platform.name() }),
        released: Some(runsc.date),
        weakened,
    };
    World { expected, ..World::other(name, Ok(command), None) }
}
