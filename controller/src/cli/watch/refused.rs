//! Watches that are refused before they begin, since none of their runs can give a proof that opens a gate.

use crate::{
    case::{cluster::Restriction, rounds::Rounds},
    cli::{args::run::Prepared, console::tell},
    judge::exit::Exit,
    report::{NO_NETWORK, ONLY},
};

/// The arguments that a watch refuses, and those that change nothing without `--live`.
pub(super) const ARGUMENTS: &[&str] =
    &["like", "no_network", "only", "live", "selector", "live_max", "live_unmeasured", "live_uid"];

/// Why a watch is not begun.
#[derive(Debug, thiserror::Error)]
pub(super) enum WatchRefused {
    #[error("a watch proves the whole namespace, and {0} leaves a part of it out")]
    Part(&'static str),
    #[error(
        "a watch makes many runs, and each visit of --live leaves an ended container in a pod's status until the pod goes"
    )]
    Live,
}

impl WatchRefused {
    pub(super) fn tell(&self) -> Exit {
        let help = match self {
            Self::Part(_) => {
                "leave the flag out: no gate takes the proof of a part; `controller verify` makes one run with the flag"
            }
            Self::Live => "leave --live out; `controller verify --live` examines running pods once",
        };
        tell(self, Some(help));
        Exit::Usage
    }
}

/// Refuses runs that cannot prove the whole namespace again and again. The nodes that `--nodes` names may be all nodes.
pub(super) fn demand(Prepared { target, request, policy, .. }: &Prepared) -> Result<(), WatchRefused> {
    let target = target.as_ref();
    let parts = [
        (target.is_some_and(|it| it.like.is_some()), Restriction::Like.flag()),
        (request.rounds == Rounds::None, NO_NETWORK),
        (policy.only_production, ONLY),
    ];
    if let Some((_, flag)) = parts.into_iter().find(|(is_given, _)| *is_given) {
        return Err(WatchRefused::Part(flag));
    }
    if target.is_some_and(|it| it.live.is_some()) { Err(WatchRefused::Live) } else { Ok(()) }
}
