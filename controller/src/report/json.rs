//! The report as JSON, for programs.

use super::Report;

/// One document, with a line end.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}
