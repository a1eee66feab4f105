//! The arguments that say what a sandbox is asked to reach, and what it may.

use clap::Args;

use super::tell;
use crate::{
    endpoint::{self, Endpoint},
    exit::Exit,
    profile::Kind,
    verify::network::Request,
};

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(super) struct Arguments {
    /// Something that the sandbox is to try; may be repeated
    #[arg(
        long = "egress-target",
        value_name = "HOST:PORT[/udp]",
        value_parser = endpoint::target,
        help_heading = "What may be reached"
    )]
    egress_targets: Vec<Endpoint>,
    /// Try nothing but what is named, and what belongs to the cluster
    #[arg(long, help_heading = "What may be reached")]
    no_default_targets: bool,
    /// What may be reached
    #[arg(long, value_enum, default_value = "deny-all", help_heading = "What may be reached")]
    profile: Kind,
    /// What may be reached besides, and with a port must be; may be repeated
    #[arg(
        long = "allow",
        value_name = "HOST[:PORT][/udp]",
        value_parser = endpoint::allowed,
        help_heading = "What may be reached"
    )]
    allowed: Vec<Endpoint>,
}

/// Arguments that contradict each other.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("--allow names what the profile deny-all does not allow")]
    AllowUnderDenyAll,
    #[error("the profile allow-list allows nothing without --allow")]
    EmptyAllowList,
}

impl Refused {
    pub(super) fn tell(&self) -> Exit {
        let help = match self {
            Self::AllowUnderDenyAll => {
                "add `--profile allow-list`, or `--profile no-private` if the public internet is allowed, too"
            }
            Self::EmptyAllowList => {
                "name what the workload must reach, such as `--allow 10.96.0.10:53/udp`, or leave the profile out"
            }
        };
        tell(self, Some(help));
        Exit::Usage
    }
}

impl Arguments {
    pub(super) fn request(self) -> Result<Request, Refused> {
        let Self { egress_targets, no_default_targets, profile, allowed } = self;
        match (profile, allowed.is_empty()) {
            (Kind::DenyAll, false) => return Err(Refused::AllowUnderDenyAll),
            (Kind::AllowList, true) => return Err(Refused::EmptyAllowList),
            _ => (),
        }
        Ok(Request { targets: egress_targets, defaults: !no_default_targets, kind: profile, allowed })
    }
}
