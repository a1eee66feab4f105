//! The forms that a report can be written in.

use clap::ValueEnum;

use super::{Report, github, html, json, junit, markdown, sarif, text};
use crate::support::printable;

/// A form of the report.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// A table, for people at a terminal
    Text,
    /// Everything, for programs; `controller schema report` describes it
    Json,
    /// JUnit XML, a suite for each sandbox or pool
    Junit,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of a GitHub workflow, and its step's summary
    Github,
    /// Markdown, for a comment or a summary
    Markdown,
    /// One page that needs nothing else
    Html,
}

/// Why a report has no such form.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// JSON or SARIF was not made.
    #[error("failed to write JSON")]
    Json(#[from] serde_json::Error),
    /// JUnit's XML was not made.
    #[error("failed to write JUnit's XML")]
    Junit(#[from] quick_junit::SerializeError),
    /// The page was not made.
    #[error("failed to fill the page")]
    Html(#[from] askama::Error),
}

impl Format {
    /// The report in this form, without text that harms its reader; `style` is the terminal's.
    pub fn render(self, report: &Report, style: text::Style) -> Result<String, Error> {
        match self {
            Self::Text => Ok(text::render(&report.printable(), style)),
            Self::Json => Ok(printable::json(&json::render(report)?)),
            Self::Junit => junit::render(&report.printable()),
            Self::Sarif => Ok(printable::json(&sarif::render(&report.printable())?)),
            Self::Github => Ok(github::render(&report.printable())),
            Self::Markdown => Ok(markdown::render(&report.printable())),
            Self::Html => html::render(&report.printable()),
        }
    }
}
