//! The JSON Schemas of the report, of the policy file, of the signed predicate and of the comparison of two runs.

use clap::ValueEnum;
use schemars::schema_for;

use super::{Report, attestation::verification_v1::Verification, diff::Comparison};
use crate::judge::policy::file::File;

/// A document with a schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Document {
    /// The report of `--output json`
    Report,
    /// The policy file `podproof.toml`
    Policy,
    /// The signed predicate of `--sign`
    Verification,
    /// The comparison of `controller diff --output json`
    Diff,
}

/// Renders the schema of a document, with a line end.
pub fn render(document: Document) -> Result<String, serde_json::Error> {
    let schema = match document {
        Document::Report => schema_for!(Report),
        Document::Policy => schema_for!(File),
        Document::Verification => schema_for!(Verification),
        Document::Diff => schema_for!(Comparison),
    };
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}
