//! `controller requirements`: lists the requirements, and explains each of them.

use std::fmt::Write;

use clap::Args;

use super::console::{print, tell};
use crate::{
    case::environment::Environment,
    judge::{
        catalogue::ALL,
        exit::Exit,
        gvisor::{SIGNALS, Strength, settings::SETTINGS},
        policy::{Enforcement, Policy},
        requirement::Requirement,
    },
    plan::{self, defaults},
};

/// Lists all requirements, or explains one requirement
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller requirements\n  controller requirements runtime-isolation\n\nExit codes: 0 done, 2 \
    unknown requirement, 4 could not write"
)]
pub(super) struct Arguments {
    /// The id of the requirement to explain [default: list all requirements]
    id: Option<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("there is no requirement {id}{}", meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default())]
struct Unknown {
    id: String,
    meant: Option<&'static str>,
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let Some(id) = self.id else { return print(&list()) };
        if let Some(requirement) = ALL.iter().find(|requirement| requirement.id == id) {
            return print(&explained(requirement));
        }
        tell(&Unknown { meant: nearest(&id), id }, Some("`controller requirements` lists all ids"));
        Exit::Usage
    }
}

/// The most letters that may be wrong, missing, added or swapped for a known id to be suggested.
const SLIPS: usize = 4;

fn nearest(id: &str) -> Option<&'static str> {
    let distance = |known: &str| strsim::damerau_levenshtein(id, known);
    let nearest = ALL.iter().map(|requirement| requirement.id).min_by_key(|known| distance(known))?;
    (distance(nearest) <= SLIPS).then_some(nearest)
}

/// Returns a line for each requirement: its id, its effect in production and its title.
fn list() -> String {
    let width = ALL.iter().map(|requirement| requirement.id.len()).max().unwrap_or_default();
    let mut text = format!("{:<width$}  {:<10}  holds when met\n", "requirement", "production");
    for requirement in ALL {
        let kind = if requirement.mandatory {
            "mandatory"
        } else {
            enforcement(requirement, Environment::Production)
        };
        _ = writeln!(text, "{:<width$}  {kind:<10}  {}", requirement.id, requirement.title);
    }
    text
}

/// Returns the full explanation of a requirement.
fn explained(requirement: &Requirement) -> String {
    let explanation = &requirement.explanation;
    let mut text = format!("{}\n{}\n\n", requirement.id, requirement.title);
    let mut say = |head: &str, words: &str| _ = writeln!(text, "{head:<16}{words}");
    say("protects", requirement.protects);
    say("looks at", &explanation.looks_at.join(", "));
    say("met", explanation.met);
    say("unmet", explanation.unmet);
    say("inconclusive", explanation.inconclusive);
    for environment in [Environment::Development, Environment::Staging, Environment::Production] {
        say(&environment.to_string(), enforcement(requirement, environment));
    }
    say("remedy", requirement.remedy);
    for (platform, words) in explanation.on_platforms {
        say(&format!("  {}", platform.title()), words);
    }
    let mappings =
        if requirement.mappings.is_empty() { "none".to_owned() } else { requirement.mappings.join(", ") };
    say("maps to", &mappings);
    match requirement.id {
        "runtime-isolation" => text.push_str(&signals()),
        "network-isolation" => text.push_str(&targets()),
        "runtime-settings" => text.push_str(&settings(true)),
        "runtime-hardening" => text.push_str(&settings(false)),
        _ => (),
    }
    text
}

fn enforcement(requirement: &Requirement, environment: Environment) -> &'static str {
    match Policy::of(environment).by_class(requirement.class) {
        Enforcement::Blocks | Enforcement::Waived => "blocks",
        Enforcement::Warns => "warns",
        Enforcement::Shown => "is shown",
        Enforcement::NotJudged => "not judged",
    }
}

/// Returns the default targets, each with the document that names its address.
fn targets() -> String {
    let mut text = String::from(
        "\ndefault targets, tried if the sandbox has its own network; `--no-default-targets` leaves them out\n",
    );
    for destination in plan::local::documentation() {
        let what = destination.purpose.words();
        _ = writeln!(
            text,
            "  {:<32}{what} (RFC 5737, RFC 3849); also tried in an empty network",
            destination.name()
        );
    }
    for destination in defaults::destinations() {
        let row = defaults::DEFAULTS.iter().find(|row| row.is(&destination.target));
        let (of, source) = row.map_or(("", ""), |row| (row.of, row.source));
        let what = destination.purpose.words();
        _ = writeln!(text, "  {:<32}{what}: {of}  {source}", destination.name());
    }
    text.push_str(
        "in a cluster, also and always: the cluster's DNS, its API server, the node and its kubelet, other pods of the \
         namespace, the run's own listener\n",
    );
    text
}

/// Returns the signals, strongest first.
fn signals() -> String {
    let mut text = String::from("\nsignals, strongest first\n");
    for signal in SIGNALS {
        let strength = match signal.strength {
            Strength::InMemory => "in memory",
            Strength::LiveProcfs => "live procfs",
            Strength::Fingerprint => "fingerprint",
            Strength::Supporting => "supporting",
            Strength::Text => "text",
        };
        _ = writeln!(text, "  {} ({strength})", signal.id);
        _ = writeln!(
            text,
            "    {}; platforms: {}; {}",
            signal.mechanism,
            signal.platforms,
            signal.architectures.join(", ")
        );
        _ = writeln!(text, "    seen in {}; imitated by {}", signal.seen_in, signal.strength.imitated_by());
        _ = writeln!(text, "    gVisor: {}", signal.source);
    }
    text
}

fn settings(blocks: bool) -> String {
    let mut text = String::from("\nsettings\n");
    for setting in SETTINGS.iter().filter(|setting| setting.blocks == blocks) {
        _ = writeln!(text, "  {} ({}): {}", setting.name, setting.written(), setting.source);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::requirement::Scope;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/requirements.md");

    /// Returns the page of requirements: a row for each, in the order of reports.
    fn page() -> String {
        let mut page = String::from(
            "# Requirements\n\n`controller requirements ID` explains one. This page is written from the catalogue by \
             `UPDATE_PAGES=1 cargo test -p controller --lib cli::requirements`.\n\n\
             | requirement | where | development | staging | production | met means |\n|---|---|---|---|---|---|\n",
        );
        for requirement in ALL {
            let mandatory = if requirement.mandatory { " (mandatory)" } else { "" };
            let place = match requirement.scope {
                Scope::Everywhere => "every sandbox",
                Scope::Cluster => "in a cluster",
            };
            let [development, staging, production] =
                [Environment::Development, Environment::Staging, Environment::Production]
                    .map(|environment| enforcement(requirement, environment));
            _ = writeln!(
                page,
                "| {}{mandatory} | {place} | {development} | {staging} | {production} | {} |",
                requirement.id, requirement.explanation.met
            );
        }
        page
    }

    #[test]
    fn the_page_of_requirements_equals_the_catalogue() {
        let page = page();
        if std::env::var_os("UPDATE_PAGES").is_some() {
            std::fs::create_dir_all(std::path::Path::new(PAGE).parent().unwrap()).unwrap();
            std::fs::write(PAGE, &page).unwrap();
        }
        let kept = std::fs::read_to_string(PAGE).unwrap_or_default();
        assert!(kept == page, "docs/requirements.md is stale; the page itself says how to write it");
    }

    #[test]
    fn every_requirement_is_listed_and_explained() {
        let list = list();
        for requirement in ALL {
            assert!(list.contains(requirement.id), "{}", requirement.id);
            let text = explained(requirement);
            for words in [requirement.protects, requirement.remedy, requirement.explanation.inconclusive] {
                assert!(text.contains(words), "{text}");
            }
        }
    }

    #[test]
    fn runtime_isolation_shows_every_signal_with_its_source() {
        let requirement = ALL.iter().find(|requirement| requirement.id == "runtime-isolation").unwrap();
        let text = explained(requirement);
        for signal in SIGNALS {
            assert!(text.contains(signal.id) && text.contains(signal.source), "{}", signal.id);
        }
    }

    #[test]
    fn a_mistyped_id_gets_a_suggestion() {
        assert_eq!(nearest("runtime-isolatoin"), Some("runtime-isolation"));
        assert_eq!(nearest("something else altogether"), None);
    }
}
