//! The forms that a report can be written in.

use std::io::{self, Write};

use clap::ValueEnum;

use super::{
    Report, github, gitlab, html, json, junit, markdown, prometheus, report_objects, sarif, tap, text,
};
use crate::support::printable;
use report_objects::Api;

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
    /// Test Anything Protocol 13, a test for each requirement of each sandbox
    Tap,
    /// GitLab's code quality report
    Gitlab,
    /// Metrics for Prometheus' textfile collector
    Prometheus,
    /// Report objects of openreports.io, one for each pool, for `kubectl apply`
    Openreports,
    /// Report objects of wgpolicyk8s.io, one for each pool, for `kubectl apply`
    Policyreport,
}

/// Why a report has no such form.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A format made of JSON was not made.
    #[error("failed to write JSON")]
    Json(#[from] serde_json::Error),
    /// JSON was not made of characters.
    #[error("failed to write JSON")]
    Text(#[from] std::string::FromUtf8Error),
    /// The place of the report did not take it.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// JUnit's XML was not made.
    #[error("failed to write JUnit's XML")]
    Junit(#[from] quick_junit::SerializeError),
    /// The page was not made.
    #[error("failed to fill the page")]
    Html(#[from] askama::Error),
}

impl Format {
    /// Writes the report in this form, without text that harms its reader; `style` is the terminal's. JSON, which says
    /// everything of every sandbox, is written piece by piece.
    pub fn write(self, report: &Report, style: text::Style, to: &mut dyn Write) -> Result<(), Error> {
        match self {
            Self::Json => json::write(report, to),
            _ => Ok(to.write_all(self.render(report, style)?.as_bytes())?),
        }
    }

    /// Returns the report in this form, without text that harms its reader; `style` is the terminal's.
    pub fn render(self, report: &Report, style: text::Style) -> Result<String, Error> {
        match self {
            Self::Text => Ok(text::render(&report.printable(), style)),
            Self::Json => {
                let mut document = Vec::new();
                json::write(report, &mut document)?;
                Ok(String::from_utf8(document)?)
            }
            Self::Junit => junit::render(&report.printable()),
            Self::Sarif => Ok(printable::json(&sarif::render(&report.printable())?)),
            Self::Github => Ok(github::render(&report.printable())),
            Self::Markdown => Ok(markdown::render(&report.printable())),
            Self::Html => html::render(&report.printable()),
            Self::Tap => Ok(tap::render(&report.printable())),
            Self::Gitlab => Ok(printable::json(&gitlab::render(&report.printable())?)),
            Self::Prometheus => Ok(prometheus::render(&report.printable())),
            Self::Openreports => objects(report, Api::OpenReports),
            Self::Policyreport => objects(report, Api::PolicyReports),
        }
    }
}

fn objects(report: &Report, api: Api) -> Result<String, Error> {
    Ok(printable::json(&report_objects::render(&report.printable(), api)?))
}
