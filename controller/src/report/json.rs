//! The report as JSON, for programs.

use std::io::Write;

use super::{Error, Report};
use crate::support::printable::JsonWriter;

/// Writes one document, with a line end and without harmful text.
pub(super) fn write(report: &Report, to: &mut dyn Write) -> Result<(), Error> {
    let mut to = JsonWriter(to);
    serde_json::to_writer_pretty(&mut to, report)?;
    Ok(to.write_all(b"\n")?)
}
