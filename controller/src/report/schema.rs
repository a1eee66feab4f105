//! The JSON Schemas of what others read and write: the report, and the policy file.

use clap::ValueEnum;
use schemars::schema_for;

use super::Report;
use crate::judge::policy::file::File;

/// What is described.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Document {
    /// `--output json`
    Report,
    /// podproof.toml
    Policy,
}

/// One document, with a line end.
pub fn render(document: Document) -> Result<String, serde_json::Error> {
    let schema = match document {
        Document::Report => schema_for!(Report),
        Document::Policy => schema_for!(File),
    };
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}
