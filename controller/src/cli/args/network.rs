//! The arguments for the targets that a sandbox tries, and for the destinations that it may reach.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{
    policy::{PolicyRefused, Sources},
    settings::{Names, Setting, listed},
    workloads,
};
use crate::cli::console::tell;
use crate::{
    case::{
        profile::Kind,
        rounds::{Rounds, SETTLED},
    },
    judge::{exit::Exit, policy::file::Read},
    plan::endpoint::{self, Endpoint},
    run::lookup::{LookupRequest, OfEntry},
};

/// The longest time between the rounds of attempts.
const LONGEST: Duration = Duration::from_mins(10);

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
    /// A destination, or a network as ADDRESS/BITS, with or without a port, that the sandbox may also reach, by tcp, udp, dns or icmp
    /// [default: every protocol]; needs another profile than deny-all; may be repeated
    #[arg(
        long = "allow",
        value_name = "HOST[:PORT][/PROTOCOL]",
        value_parser = endpoint::allowed,
        help_heading = "Network"
    )]
    allowed: Vec<Endpoint>,
    /// A destination that the sandbox may also reach, and must reach, by tcp, udp or dns [default: tcp, and dns on port
    /// 53]; needs another profile than deny-all; may be repeated
    #[arg(
        long = "require-egress",
        value_name = "HOST:PORT[/PROTOCOL]",
        value_parser = endpoint::target,
        help_heading = "Network"
    )]
    required: Vec<Endpoint>,
    /// The time from the first round of attempts to the second, for a network that opens or closes late; 0 makes one round
    /// [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = settle, help_heading = "Network")]
    settle: Option<Duration>,
}

/// The network settings by flag, variable, policy file or default.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Settings {
    pub(in crate::cli) profile: Setting<Kind>,
    pub(in crate::cli) allowed: Setting<Vec<Endpoint>>,
    pub(in crate::cli) required: Setting<Vec<Endpoint>>,
    pub(in crate::cli) targets: Setting<Vec<Endpoint>>,
    pub(in crate::cli) defaults: Setting<bool>,
    pub(in crate::cli) settle: Setting<Duration>,
    pub(in crate::cli) workloads: Vec<Setting<OfEntry>>,
}

/// Settings that contradict each other.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum NetworkRefused {
    #[error("the profile deny-all allows no destination, and --allow or --require-egress names one")]
    AllowUnderDenyAll,
    #[error("the profile allow-list allows nothing without --allow")]
    EmptyAllowList,
    #[error("the second round of attempts would come after the end of the run: --settle {}, --timeout {}",
        humantime::format_duration(*settle), humantime::format_duration(*timeout))]
    SettleBeyondTimeout { settle: Duration, timeout: Duration },
}

impl NetworkRefused {
    pub(in crate::cli) fn tell(&self) -> Exit {
        let help = match self {
            Self::AllowUnderDenyAll => {
                "add `--profile allow-list`, or `--profile no-private` if the public internet is allowed, too"
            }
            Self::EmptyAllowList => {
                "name what the workload may reach, such as `--allow 10.96.0.10:53/udp`, or leave the profile out"
            }
            Self::SettleBeyondTimeout { .. } => "give a longer `--timeout`, or a shorter `--settle`",
        };
        tell(self, Some(help));
        Exit::Usage
    }
}

impl Arguments {
    pub(in crate::cli) fn settings(&self, sources: &Sources) -> Result<Settings, PolicyRefused> {
        let Self { egress_targets, no_default_targets, profile, allowed, required, settle: given } = self;
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
            required: sources.setting(
                Names { flag: "--require-egress", variable: "PODPROOF_REQUIRE_EGRESS" },
                some(required),
                |text| listed(text, endpoint::target),
                |read| Some(read.all_parsed(read.file.require_egress.as_ref()?, endpoint::target)),
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
            settle: sources.setting(
                Names { flag: "--settle", variable: "PODPROOF_SETTLE" },
                *given,
                settle,
                |read| Some(read.parsed(read.file.limits.settle.as_ref()?, settle)),
                SETTLED,
            )?,
            workloads: workloads::settings(sources)?,
        })
    }
}

impl Settings {
    /// Returns the rounds of attempts. Refuses a second round that the run would not live to see.
    pub(in crate::cli) fn rounds(&self, timeout: Duration) -> Result<Rounds, NetworkRefused> {
        let settle = self.settle.value;
        if settle >= timeout {
            return Err(NetworkRefused::SettleBeyondTimeout { settle, timeout });
        }
        Ok(Rounds::of(settle))
    }

    pub(in crate::cli) fn request(self) -> Result<LookupRequest, NetworkRefused> {
        let (kind, allowed, required) = (self.profile.value, self.allowed.value, self.required.value);
        match (kind, allowed.is_empty() && required.is_empty()) {
            (Kind::DenyAll, false) => return Err(NetworkRefused::AllowUnderDenyAll),
            (Kind::AllowList, true) => return Err(NetworkRefused::EmptyAllowList),
            _ => (),
        }
        let (targets, defaults) = (self.targets.value, self.defaults.value);
        let workloads = self.workloads.into_iter().map(|entry| entry.value).collect();
        Ok(LookupRequest { targets, defaults, kind, allowed, required, workloads })
    }
}

fn settle(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        _ if text == "0" => Ok(Duration::ZERO),
        Ok(time) if time <= LONGEST => Ok(time),
        _ => Err("give a time such as 5s or 500ms, at most 10m, or 0 for one round".to_owned()),
    }
}

/// Returns the profile's name, as the flag takes it.
pub(in crate::cli) fn name(kind: Kind) -> String {
    kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn kinds() -> String {
    Kind::value_variants().iter().map(|&kind| name(kind)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settle_time_may_be_nought_and_has_a_limit() {
        for (text, time) in [("0", 0), ("0s", 0), ("5s", 5), ("10m", 600)] {
            assert_eq!(settle(text), Ok(Duration::from_secs(time)), "{text}");
        }
        for wrong in ["", "5", "soon", "601s"] {
            assert!(settle(wrong).is_err(), "{wrong}");
        }
    }
}
