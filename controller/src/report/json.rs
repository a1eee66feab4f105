//! The report as JSON, for programs.

use super::{Error, Report};

/// One document, with a line end.
pub(super) fn render(report: &Report) -> Result<String, Error> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}
