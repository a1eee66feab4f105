//! `controller policy show`: the settings in force, each with its source.

use std::{fmt::Write, time::Duration};

use clap::{Args, Subcommand};

use super::{
    args::{marks, network, policy, run, settings::Setting},
    console::print,
    verify,
};
use crate::{
    judge::{
        exit::Exit,
        policy::{Acceptance, Policy, Standing},
    },
    plan::endpoint::Endpoint,
    run::lookup::OfEntry,
    support::clock,
};

/// Shows the policy that would judge a run
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller policy show\n  ENVIRONMENT=production controller policy show --policy \
    podproof.toml\n\nA waiver holds through its last day, which ends at midnight UTC.\n\nExit codes: 0 done, 1 a waiver has expired, \
    2 wrong usage, a mistake in the policy file, or settings that a run refuses, 4 could not write"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Prints every setting with its source
    Show(Show),
}

#[derive(Args, Debug)]
struct Show {
    #[command(flatten)]
    policy: policy::Arguments,
    #[command(flatten)]
    network: network::Arguments,
    #[command(flatten)]
    marks: marks::Arguments,
    /// The time limit of the whole run, such as 30s, 5m or 1m30s; at most 24h [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = verify::time)]
    timeout: Option<Duration>,
}

/// The reason why a run under these settings is refused.
#[derive(Debug, thiserror::Error)]
enum ShowRefused {
    #[error(transparent)]
    Policy(#[from] policy::PolicyRefused),
    #[error(transparent)]
    Network(#[from] network::NetworkRefused),
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let What::Show(show) = self.what;
        match show.text() {
            Ok((text, expired)) => match print(&text) {
                Exit::Ready if expired => Exit::NotReady,
                printed => printed,
            },
            Err(ShowRefused::Policy(refused)) => refused.tell(),
            Err(ShowRefused::Network(refused)) => refused.tell(),
        }
    }
}

impl Show {
    /// Returns a line for each setting, and true if a waiver has expired.
    fn text(&self) -> Result<(String, bool), ShowRefused> {
        let sources = self.policy.sources()?;
        let declared = sources.declared()?;
        let policy = sources.policy(declared.environment, clock::today());
        let (environment, source) = (declared.environment.to_string(), declared.source.to_string());
        let mut rows = vec![("environment".to_owned(), environment, source)];
        let file = sources.file.as_ref();
        let name = file.map_or_else(|| "none".to_owned(), |(name, _)| name.clone());
        rows.push(("policy file".to_owned(), name.clone(), sources.found_by.to_owned()));
        if policy.only_production {
            rows.push(("only".to_owned(), "production".to_owned(), "--only".to_owned()));
        }
        if policy.require_whole {
            let file =
                file.filter(|(_, read)| read.file.require_whole.as_ref().is_some_and(|it| *it.get_ref()));
            let source = file.map_or("--require-whole".to_owned(), |(name, _)| name.clone());
            rows.push(("require-whole".to_owned(), "true".to_owned(), source));
        }
        let timeout = run::timeout(&sources, self.timeout, verify::CLUSTER_TIMEOUT)?;
        let time = humantime::format_duration(timeout.value).to_string();
        rows.push(("limits.timeout".to_owned(), time, timeout.source));
        let settings = self.network.settings(&sources)?;
        // A run refuses settings that contradict each other.
        settings.rounds(timeout.value)?;
        settings.clone().request()?;
        rows.extend(network(settings));
        rows.extend(marks(self.marks.settings(&sources)?));
        let single = file.map(|(_, read)| read.of_requirements(&policy)).unwrap_or_default();
        rows.extend(
            single.into_iter().map(|(key, value, line)| (key, value, format!("{name}, line {line}"))),
        );
        rows.extend(waivers(&policy, &name));
        rows.extend(accepted(&policy, &name));
        let mut text = table(&rows);
        for remark in &declared.remarks {
            // Writing to a string does not fail.
            _ = writeln!(text, "{remark}");
        }
        let expired = policy.waivers.iter().any(|waiver| policy.standing(waiver) == Standing::Expired);
        Ok((text, expired))
    }
}

fn network(settings: network::Settings) -> Vec<(String, String, String)> {
    let network::Settings { profile, allowed, required, targets, defaults, settle, workloads } = settings;
    let all = |named: &[Endpoint]| match named {
        [] => "none".to_owned(),
        named => named.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let mut rows = vec![
        ("profile".to_owned(), network::name(profile.value), profile.source),
        ("allow".to_owned(), all(&allowed.value), allowed.source),
        ("require-egress".to_owned(), all(&required.value), required.source),
        ("egress-targets".to_owned(), all(&targets.value), targets.source),
        ("default-targets".to_owned(), defaults.value.to_string(), defaults.source),
        ("limits.settle".to_owned(), humantime::format_duration(settle.value).to_string(), settle.source),
    ];
    rows.extend(workloads.into_iter().map(
        |Setting { value: OfEntry { entry, kind, allowed, required }, source }| {
            let value = format!(
                "{}; allow {}; require-egress {}",
                network::name(kind),
                all(&allowed),
                all(&required)
            );
            (format!("workloads {}", entry.title()), value, source)
        },
    ));
    rows
}

fn marks(settings: marks::Settings) -> Vec<(String, String, String)> {
    let marks::Settings { labels, annotations } = settings;
    let row = |key: &str, setting: Setting<Vec<(String, String)>>| {
        let pairs: Vec<_> = setting.value.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let value = if pairs.is_empty() { "none".to_owned() } else { pairs.join(", ") };
        (key.to_owned(), value, setting.source)
    };
    vec![row("probe-labels", labels), row("probe-annotations", annotations)]
}

fn waivers(policy: &Policy, name: &str) -> Vec<(String, String, String)> {
    let row = |waiver: &crate::judge::policy::Waiver| {
        let standing = match policy.standing(waiver) {
            Standing::InForce => "in force until",
            Standing::Expired => "expired, good until",
            Standing::Refused => "refused in production, good until",
        };
        let value = format!("{standing} {}: {} ({})", waiver.expires, waiver.reason, waiver.owner);
        let key = format!("waiver of {}, {}", waiver.requirement, waiver.scope.title());
        (key, value, format!("{name}, line {}", waiver.line))
    };
    policy.waivers.iter().map(row).collect()
}

fn accepted(policy: &Policy, name: &str) -> Vec<(String, String, String)> {
    let row = |it: &Acceptance| {
        (
            format!("accepted: {}", it.what()),
            format!("{} ({})", it.reason, it.owner),
            format!("{name}, line {}", it.line),
        )
    };
    policy.accepted.iter().map(row).collect()
}

fn table(rows: &[(String, String, String)]) -> String {
    let widest = |of: fn(&(String, String, String)) -> &String| {
        rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0)
    };
    let (keys, values) = (widest(|row| &row.0), widest(|row| &row.1));
    let line =
        |(key, value, source): &(String, String, String)| format!("{key:keys$}  {value:values$}  {source}\n");
    rows.iter().map(line).collect()
}
