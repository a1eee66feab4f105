//! `controller diff`: compares the saved evidence of two runs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    args::{evidence, policy},
    console::{print, tell},
    evidence::Reader,
    score,
};
use crate::{
    evidence::record::Record,
    judge::exit::Exit,
    report::diff,
    support::{clock, printable},
};

/// Compares the saved evidence of two runs, and lists each requirement that became better, worse, new or gone, or lapsed
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller diff monday.json today.json\n  controller diff monday.json today.json --fail-on \
    worse\n\nBoth files are judged again under the same policy, for the strongest of their \
    two environments, the variables and the policy file; only --environment weakens. A recorded --only counts if both runs have it. \
    A gap in a new place counts as worse, a part that flags leave out of the later run alone counts as worse, and so does a \
    requirement that is no longer judged in a place where others still are. A gap whose requirement is not applicable any more \
    has lapsed, which is no better.\n\nExit \
    codes: 0 done, 1 a requirement became worse and --fail-on worse was given, 2 wrong usage, or a file that is not intact \
    saved evidence, 4 could not read or write"
)]
pub(super) struct Arguments {
    /// The saved evidence of the earlier run
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The saved evidence of the later run
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// End with exit code 1 if a requirement became worse [default: end with 0]
    #[arg(long, value_enum, value_name = "CHANGE")]
    fail_on: Option<FailOn>,
    /// The format of the differences, on standard output; `controller schema diff` describes the json
    #[arg(
        long,
        short,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "How to report"
    )]
    output: Format,
    #[command(flatten)]
    policy: policy::Arguments,
    #[command(flatten)]
    evidence: evidence::Arguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FailOn {
    Worse,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let sources = match self.policy.sources() {
            Ok(sources) => sources,
            Err(refused) => return refused.tell(),
        };
        let mut reader = Reader::new(self.evidence);
        let (mut old, mut new) = match (reader.open(&self.old), reader.open(&self.new)) {
            (Ok(old), Ok(new)) => (old, new),
            (Err(unread), _) | (_, Err(unread)) => return unread.tell(),
        };
        level(&mut old.record, &mut new.record);
        let today = clock::today();
        let judged = [old, new].map(|opened| score::judged(opened, &sources, today));
        let [Ok(old), Ok(new)] = judged else {
            let refused = judged.into_iter().find_map(Result::err);
            return refused.map_or(Exit::Usage, |refused| refused.tell());
        };
        let comparison = diff::compare(&old, &new);
        let text = match self.output {
            Format::Text => Ok(diff::render(&diff::compare(&old.printable(), &new.printable()))),
            Format::Json => {
                serde_json::to_string_pretty(&comparison).map(|text| printable::json(&text) + "\n")
            }
        };
        let printed = match text {
            Ok(text) => print(&text),
            Err(error) => {
                tell(&error, None);
                Exit::CouldNotRun
            }
        };
        match (printed, self.fail_on) {
            (Exit::Ready, Some(FailOn::Worse)) if comparison.is_worse() => Exit::NotReady,
            (printed, _) => printed,
        }
    }
}

/// Gives two runs the stronger of their environments, and the requirements that a flag left out of both alone, so that one policy
/// judges both.
fn level(old: &mut Record, new: &mut Record) {
    let stronger = if new.environment.environment < old.environment.environment {
        old.environment.clone()
    } else {
        new.environment.clone()
    };
    let only_production = [&*old, &*new].iter().all(|run| run.is_narrowed_for(stronger.environment));
    for run in [old, new] {
        run.environment.clone_from(&stronger);
        run.only_production = only_production;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{case::environment::Environment, fixture};

    fn run(environment: Environment, only_production: bool) -> Record {
        let mut run = fixture::record(Vec::new());
        run.environment.environment = environment;
        run.only_production = only_production;
        run
    }

    /// Returns the environment and the restriction under which each of two runs is judged.
    fn levelled(mut old: Record, mut new: Record) -> [(Environment, bool); 2] {
        level(&mut old, &mut new);
        [old, new].map(|run| (run.environment.environment, run.only_production))
    }

    #[test]
    fn a_restriction_of_one_run_restricts_neither() {
        let whole = [(Environment::Staging, false); 2];
        for (old, new) in [(true, false), (false, true)] {
            let both = levelled(run(Environment::Staging, old), run(Environment::Staging, new));
            assert_eq!(both, whole, "{old} {new}");
        }
    }

    #[test]
    fn a_restriction_of_both_runs_restricts_both() {
        let both = levelled(run(Environment::Staging, true), run(Environment::Staging, true));
        assert_eq!(both, [(Environment::Staging, true); 2]);
    }

    #[test]
    fn a_run_that_was_restricted_for_staging_is_judged_in_full_for_production() {
        let both = levelled(run(Environment::Staging, true), run(Environment::Production, true));
        assert_eq!(both, [(Environment::Production, false); 2]);
    }
}
