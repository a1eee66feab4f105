//! A report, written to every place that was asked for.
//!
//! One place that fails keeps no other from its report; afterwards the run has failed, and every failure is told. The file of an
//! earlier report does not stay at a place that fails.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{Format, Report, text::Style};
use crate::{
    report,
    support::{
        file,
        world::{self, Stream},
    },
};

/// A form of the report, and its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Output {
    pub(crate) format: Format,
    /// `None` is standard output.
    pub(crate) file: Option<PathBuf>,
}

/// The places of reports, and the drawing of a terminal's.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) outputs: Vec<Output>,
    pub(crate) style: Style,
    /// The file to which GitHub has a step add its summary, where it named one.
    pub(crate) summary: Option<PathBuf>,
}

/// Why one place has no report.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Render(#[from] report::Error),
    #[error("standard output: {0}")]
    StandardOutput(#[source] io::Error),
    #[error("{}", chained(.0))]
    File(#[from] file::Error),
    #[error("the step's summary {}: {source}", path.display())]
    Summary { path: PathBuf, source: io::Error },
}

/// The places that have no report.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub(crate) struct Undelivered(Vec<Failure>);

impl Delivery {
    /// Writes every report, then says which could not be.
    pub(crate) fn deliver(&self, report: &Report) -> Result<(), Undelivered> {
        let written = self.outputs.iter().map(|output| self.write(output, report));
        let summary = self.step_summary().map(|path| summarise(path, report));
        let failures: Vec<_> = written.chain(summary).filter_map(Result::err).collect();
        if failures.is_empty() { Ok(()) } else { Err(Undelivered(failures)) }
    }

    /// Returns the files that hold a report each.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.outputs.iter().filter_map(|output| output.file.as_deref())
    }

    /// Returns the file of the step's summary, if this delivery adds to it.
    pub(crate) fn step_summary(&self) -> Option<&Path> {
        let github = self.outputs.iter().any(|output| output.format == Format::Github);
        self.summary.as_deref().filter(|_| github)
    }

    fn write(&self, output: &Output, report: &Report) -> Result<(), Failure> {
        let Some(path) = &output.file else {
            let rendered = output.format.render(report, self.style)?;
            return world::write(Stream::Output, rendered.as_bytes()).map_err(Failure::StandardOutput);
        };
        let plain = Style { colour: false, ..self.style };
        let mut unmade = None;
        let written = file::put_anew(path, |to| match output.format.write(report, plain, to) {
            Err(report::Error::Write(error)) => Err(error),
            Err(error) => {
                unmade = Some(error);
                Err(io::ErrorKind::InvalidData.into())
            }
            Ok(()) => Ok(()),
        });
        match unmade {
            Some(error) => Err(error.into()),
            None => Ok(written.map(drop)?),
        }
    }
}

/// Other steps have added theirs to the file, so nothing in it is replaced.
fn summarise(path: &Path, report: &Report) -> Result<(), Failure> {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(report::markdown(&report.printable()).as_bytes()))
        .map_err(|source| Failure::Summary { path: path.to_owned(), source })
}

fn chained(error: &file::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
