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
    judge::exit::Exit,
    report::diff::{self, Became},
    support::{clock, printable},
};

/// Compares the saved evidence of two runs, and lists each requirement that became better, worse, new or gone
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller diff monday.json today.json\n  controller diff monday.json today.json --fail-on \
    worse\n\nBoth files are judged again under the same policy, for the strongest of their \
    two environments, the variables and the policy file; only --environment weakens. A gap in a \
    new place counts as worse, a part that flags leave out of the later run alone counts as worse, and so does a requirement that is no longer judged in a place where others still are.\n\nExit \
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
    /// The format of the differences, on standard output
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
        let stronger = if new.record.environment.environment < old.record.environment.environment {
            old.record.environment.clone()
        } else {
            new.record.environment.clone()
        };
        old.record.environment.clone_from(&stronger);
        new.record.environment = stronger;
        let today = clock::today();
        let judged = [old, new].map(|opened| score::judged(opened, &sources, today));
        let [Ok(old), Ok(new)] = judged else {
            let refused = judged.into_iter().find_map(Result::err);
            return refused.map_or(Exit::Usage, |refused| refused.tell());
        };
        let changes = diff::changes(&diff::stands(&old), &diff::stands(&new));
        let text = match self.output {
            Format::Text => {
                let (old, new) = (old.printable(), new.printable());
                let changes = diff::changes(&diff::stands(&old), &diff::stands(&new));
                Ok(diff::render(&old, &new, &changes))
            }
            Format::Json => serde_json::to_string_pretty(&changes).map(|text| printable::json(&text) + "\n"),
        };
        let printed = match text {
            Ok(text) => print(&text),
            Err(error) => {
                tell(&error, None);
                Exit::CouldNotRun
            }
        };
        let worse = changes.iter().any(|change| change.became == Became::Worse)
            || !diff::narrowed(&old, &new).is_empty();
        match (printed, self.fail_on) {
            (Exit::Ready, Some(FailOn::Worse)) if worse => Exit::NotReady,
            (printed, _) => printed,
        }
    }
}
