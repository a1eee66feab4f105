//! The arguments for the targets that a sandbox tries, and for the destinations that it may reach.

use clap::{Args, ValueEnum};

use super::{
    policy::{PolicyRefused, Sources},
    settings::{Names, Setting, listed},
};
use crate::cli::console::tell;
use crate::{
    case::profile::Kind,
    judge::{exit::Exit, policy::file::Read},
    plan::endpoint::{self, Endpoint},
    run::lookup::LookupRequest,
};

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// A destination that the sandbox tries, by tcp, udp or dns [default: tcp]; may be repeated
    #[arg(
        long = "egress-target",
        value_name = "HOST:PORT[/PROTOCOL]",
        value_parser = endpoint::target,
        help_heading = "Network"
    )]
    egress_targets: Vec<Endpoint>,
    /// Leave out the default targets; try only the named targets and those of the cluster
    #[arg(long, help_heading = "Network")]
    no_default_targets: bool,
    /// The destinations that the sandbox may reach [default: deny-all]
    #[arg(long, value_enum, help_heading = "Network")]
    profile: Option<Kind>,
    /// A destination, or a network as ADDRESS/BITS, that the sandbox may also reach, by tcp, udp or dns [default: every
    /// protocol]. With a port, the sandbox must reach the destination. May be repeated
    #[arg(
        long = "allow",
        value_name = "HOST[:PORT][/PROTOCOL]",
        value_parser = endpoint::allowed,
        help_heading = "Network"
    )]
    allowed: Vec<Endpoint>,
}

/// The network settings by flag, variable, policy file or default.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Settings {
    pub(in crate::cli) profile: Setting<Kind>,
    pub(in crate::cli) allowed: Setting<Vec<Endpoint>>,
    pub(in crate::cli) targets: Setting<Vec<Endpoint>>,
    pub(in crate::cli) defaults: Setting<bool>,
}

/// Settings that contradict each other.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum NetworkRefused {
    #[error("the profile deny-all allows no destination, and --allow names one")]
    AllowUnderDenyAll,
    #[error("the profile allow-list allows nothing without --allow")]
    EmptyAllowList,
}

impl NetworkRefused {
    pub(in crate::cli) fn tell(&self) -> Exit {
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
    pub(in crate::cli) fn settings(&self, sources: &Sources) -> Result<Settings, PolicyRefused> {
        let Self { egress_targets, no_default_targets, profile, allowed } = self;
        let some = |named: &Vec<Endpoint>| (!named.is_empty()).then(|| named.clone());
        Ok(Settings {
            profile: sources.setting(
                Names { flag: "--profile", variable: "PODPROOF_PROFILE" },
                *profile,
                |text| Kind::from_str(text, false).map_err(|_| format!("give one of {}", kinds())),
                |read: &Read| Some(Ok(read.value(read.file.profile.as_ref()?))),
                Kind::default(),
            )?,
            allowed: sources.setting(
                Names { flag: "--allow", variable: "PODPROOF_ALLOW" },
                some(allowed),
                |text| listed(text, endpoint::allowed),
                |read| Some(read.all_parsed(read.file.allow.as_ref()?, endpoint::allowed)),
                Vec::new(),
            )?,
            targets: sources.setting(
                Names { flag: "--egress-target", variable: "PODPROOF_EGRESS_TARGETS" },
                some(egress_targets),
                |text| listed(text, endpoint::target),
                |read| Some(read.all_parsed(read.file.egress_targets.as_ref()?, endpoint::target)),
                Vec::new(),
            )?,
            defaults: sources.setting(
                Names { flag: "--no-default-targets", variable: "PODPROOF_DEFAULT_TARGETS" },
                no_default_targets.then_some(false),
                |text| text.parse().map_err(|_| "give true or false".to_owned()),
                |read| Some(Ok(read.value(read.file.default_targets.as_ref()?))),
                true,
            )?,
        })
    }
}

impl Settings {
    pub(in crate::cli) fn request(self) -> Result<LookupRequest, NetworkRefused> {
        let (kind, allowed) = (self.profile.value, self.allowed.value);
        match (kind, allowed.is_empty()) {
            (Kind::DenyAll, false) => return Err(NetworkRefused::AllowUnderDenyAll),
            (Kind::AllowList, true) => return Err(NetworkRefused::EmptyAllowList),
            _ => (),
        }
        Ok(LookupRequest { targets: self.targets.value, defaults: self.defaults.value, kind, allowed })
    }
}

/// Returns the profile's name, as the flag takes it.
pub(in crate::cli) fn name(kind: Kind) -> String {
    kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn kinds() -> String {
    Kind::value_variants().iter().map(|&kind| name(kind)).collect::<Vec<_>>().join(", ")
}
