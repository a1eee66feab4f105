//! One signal less: the same verdict where it was strong, and never the opposite.

use controller::gvisor::{SIGNALS, Strength};
use stage::{
    run,
    worlds::{
        self,
        releases::{self, Release, Runsc},
    },
};

use super::{Expected, Outcome, World};

pub(super) fn worlds() -> Vec<World> {
    SIGNALS
        .iter()
        .filter(|signal| signal.strength == Strength::InMemory)
        .flat_map(|signal| {
            let withhold = format!("{} {}", run::prop("withhold").display(), signal.id);
            let runc = worlds::installed("runc").map(|runc| format!("{withhold} {runc}"));
            let without = |name: &str| format!("{name} without {}", signal.id);
            let genuine =
                releases::all().unwrap_or_default().into_iter().map(move |Release { name, runsc }| {
                    let command = |runsc: Runsc| {
                        let platform = runsc.platforms()[0];
                        format!("{withhold} {} --network=none", runsc.command(platform))
                    };
                    let world =
                        World::other(format!("{name} without {}", signal.id), runsc.map(command), None);
                    World { expected: Expected { outcome: Outcome::Met, ..world.expected }, ..world }
                });
            genuine.chain([World::other(without("runc"), runc, None)])
        })
        .collect()
}
