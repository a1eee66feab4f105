//! The arguments that say where the report goes.

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal},
    path::PathBuf,
};

use clap::{Args, ValueEnum};

use crate::cli::console::{colour_is_wanted, tell};
use crate::{
    judge::exit::Exit,
    report::{
        Format,
        deliver::{Delivery, Output},
        text::Style,
    },
};

/// The width where there is no terminal to ask.
const WIDTH: u16 = 80;
/// Narrower than this, a table is no table.
const NARROWEST: u16 = 60;
/// Names the file of a step's summary (docs.github.com, "Workflow commands for GitHub Actions").
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// How the report is written, and where; may be repeated: text, json, junit, sarif, github, markdown or html, to
    /// standard output or with =FILE. What is read on the terminal stays text unless something else goes there
    #[arg(
        long = "output",
        short,
        value_name = "FORMAT[=FILE]",
        value_parser = output,
        default_value = "text",
        help_heading = "How to report"
    )]
    outputs: Vec<Output>,
    /// Show the evidence of what is met, too
    #[arg(long, short, help_heading = "How to report")]
    verbose: bool,
}

/// Places that cannot have a report each.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(in crate::cli) enum OutputRefused {
    #[error("standard output cannot hold both {first} and {second}")]
    Crowded { first: String, second: String },
    #[error("two reports cannot have the same file {}", .0.display())]
    Shared(PathBuf),
}

impl OutputRefused {
    pub(in crate::cli) fn tell(&self) -> Exit {
        let help = match self {
            Self::Crowded { .. } => "give all but one a file, such as --output junit=report.xml",
            Self::Shared(_) => "give each its own file",
        };
        tell(self, Some(help));
        Exit::Usage
    }
}

impl Arguments {
    pub(in crate::cli) fn delivery(self) -> Result<Delivery, OutputRefused> {
        let outputs = placed(self.outputs)?;
        let colour = io::stdout().is_terminal() && colour_is_wanted();
        let summary = std::env::var_os(SUMMARY).filter(|path| !path.is_empty()).map(PathBuf::from);
        let style = Style { width: width(), colour, verbose: self.verbose };
        Ok(Delivery { outputs, style, summary })
    }
}

/// Text goes to standard output unless something else does. Only annotations can stand beside it: they are lines of a log.
fn placed(mut outputs: Vec<Output>) -> Result<Vec<Output>, OutputRefused> {
    let mut files = BTreeSet::new();
    for file in outputs.iter().filter_map(|output| output.file.as_ref()) {
        if !files.insert(file) {
            return Err(OutputRefused::Shared(file.clone()));
        }
    }
    let standard = outputs.iter().filter(|output| output.file.is_none()).map(|output| output.format);
    match standard.collect::<Vec<_>>().as_slice() {
        [] => outputs.insert(0, Output { format: Format::Text, file: None }),
        [_] | [Format::Text, Format::Github] | [Format::Github, Format::Text] => (),
        &[first, second, ..] => {
            return Err(OutputRefused::Crowded { first: name(first), second: name(second) });
        }
    }
    Ok(outputs)
}

fn name(format: Format) -> String {
    format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn output(text: &str) -> Result<Output, String> {
    let (name, file) = match text.split_once('=') {
        Some((_, "")) => return Err("name a file after the =".to_owned()),
        Some((name, file)) => (name, Some(PathBuf::from(file))),
        None => (text, None),
    };
    let format = Format::from_str(name, false).map_err(|_| {
        let names: Vec<_> = Format::value_variants().iter().map(|&format| self::name(format)).collect();
        format!("give one of {}, and =FILE if it is to go into a file", names.join(", "))
    })?;
    Ok(Output { format, file })
}

/// The terminal's, else COLUMNS, else a fixed one.
fn width() -> u16 {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = comfy_table::Table::new().width().filter(|&width| width > 0);
    terminal.or(columns).unwrap_or(WIDTH).max(NARROWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(words: &[&str]) -> Result<Vec<Output>, OutputRefused> {
        placed(words.iter().map(|word| output(word).unwrap()).collect())
    }

    #[test]
    fn text_stays_on_standard_output_while_files_are_written() {
        let outputs = places(&["junit=a.xml", "json=a.json"]).unwrap();
        assert_eq!(outputs[0], output("text").unwrap());
        assert_eq!(outputs.len(), 3);
        assert_eq!(places(&["json"]).unwrap(), [output("json").unwrap()]);
    }

    #[test]
    fn standard_output_holds_one_document_and_annotations_beside_text() {
        for words in [["text", "github"], ["github", "text"]] {
            assert_eq!(places(&words).unwrap().len(), 2, "{words:?}");
        }
        for words in
            [["json", "text"], ["text", "json"], ["github", "json"], ["json", "github"], ["json", "json"]]
        {
            assert!(matches!(places(&words), Err(OutputRefused::Crowded { .. })), "{words:?}");
        }
        assert!(matches!(places(&["json=a", "junit=a"]), Err(OutputRefused::Shared(_))));
    }

    #[test]
    fn a_format_that_there_is_not_is_answered_with_those_that_there_are() {
        for wrong in ["xml", "JSON", "", "xml=a", "json="] {
            let error = output(wrong).unwrap_err();
            assert!(error.contains("json") || error.contains('='), "{wrong}: {error}");
        }
    }
}
