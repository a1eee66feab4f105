//! The arguments for the format and the place of the report.

use std::{
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

/// The width in columns if there is no terminal.
const WIDTH: u16 = 80;
/// The smallest width in columns; a narrower table cannot be read.
const NARROWEST: u16 = 60;
/// The variable that names the file of a step's summary (docs.github.com, "Workflow commands for GitHub Actions").
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// The format of a report: text, json, junit, sarif, github, markdown, html, tap, gitlab, prometheus, openreports or
    /// policyreport. The report goes to standard output, or with =FILE into a file. The text report also goes to standard
    /// output unless another format does; may be repeated. A FILE ending in .gz is compressed
    #[arg(
        long = "output",
        short,
        value_name = "FORMAT[=FILE]",
        value_parser = output,
        default_value = "text",
        help_heading = "How to report"
    )]
    outputs: Vec<Output>,
    /// Also show the evidence of requirements that are met
    #[arg(long, short, help_heading = "How to report")]
    verbose: bool,
}

/// Two reports on standard output.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(in crate::cli) enum OutputRefused {
    #[error("standard output cannot hold both {first} and {second}")]
    Crowded { first: String, second: String },
}

impl OutputRefused {
    pub(in crate::cli) fn tell(&self) -> Exit {
        tell(self, Some("give a file to every format but one, such as --output junit=report.xml"));
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

/// Adds the text report on standard output unless another report goes there. Of the other formats, only annotations can
/// share standard output with text: they are lines of a log.
fn placed(mut outputs: Vec<Output>) -> Result<Vec<Output>, OutputRefused> {
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

/// Returns the word by which `--output` names a format.
pub(in crate::cli) fn name(format: Format) -> String {
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
        format!("give one of {}, and =FILE to write a file", names.join(", "))
    })?;
    Ok(Output { format, file })
}

/// Returns the terminal's width; without a terminal that of `COLUMNS`, or else a fixed width.
pub(in crate::cli) fn width() -> u16 {
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
    fn standard_output_holds_one_report_or_text_with_annotations() {
        for words in [["text", "github"], ["github", "text"]] {
            assert_eq!(places(&words).unwrap().len(), 2, "{words:?}");
        }
        for words in
            [["json", "text"], ["text", "json"], ["github", "json"], ["json", "github"], ["json", "json"]]
        {
            assert!(matches!(places(&words), Err(OutputRefused::Crowded { .. })), "{words:?}");
        }
    }

    #[test]
    fn an_unknown_format_is_refused_with_the_known_formats() {
        for wrong in ["xml", "JSON", "", "xml=a", "json="] {
            let error = output(wrong).unwrap_err();
            assert!(error.contains("json") || error.contains('='), "{wrong}: {error}");
        }
    }
}
