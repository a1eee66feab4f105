//! `controller schema`: prints the JSON Schemas of the documents that other programs read and write.

use clap::Args;

use super::console::{print, tell};
use crate::{
    judge::exit::Exit,
    report::schema::{self, Document},
};

/// Prints the JSON Schema of the report, of the policy file, of the signed predicate or of a comparison
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller schema report > report.schema.json\n  controller schema policy\n\nExit codes: 0 \
    done, 2 wrong usage, 4 could not write"
)]
pub(super) struct Arguments {
    /// The document that the schema describes
    #[arg(value_enum, value_name = "DOCUMENT")]
    document: Document,
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        match schema::render(self.document) {
            Ok(text) => print(&text),
            Err(error) => {
                tell(&error, None);
                Exit::CouldNotRun
            }
        }
    }
}
