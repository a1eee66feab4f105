//! Progress of the run on standard error: a spinner on a terminal, otherwise one line for each change; nothing with
//! `--quiet`.

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::support::printable::line;

/// The way in which progress is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Display {
    /// No progress at all, for `--quiet`.
    Quiet,
    /// Progress without colours.
    Plain,
    /// Progress with colours on a terminal.
    Coloured,
}

/// The display of a run's progress.
#[derive(Debug)]
pub(crate) enum Progress {
    Spinner(ProgressBar),
    Lines,
    Quiet,
}

impl Progress {
    pub(crate) fn new(display: Display) -> Self {
        if display == Display::Quiet {
            return Self::Quiet;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines;
        }
        let template = match display {
            Display::Coloured => "{spinner:.cyan} {msg}",
            Display::Quiet | Display::Plain => "{spinner} {msg}",
        };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner().with_style(style);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self::Spinner(bar)
    }

    /// Shows a change that deserves a line of its own.
    pub(crate) fn change(&self, what: &str) {
        let what = line(what);
        match self {
            Self::Spinner(bar) => bar.set_message(what),
            // Standard error may be closed; nobody sees the progress then.
            Self::Lines => _ = writeln!(std::io::stderr(), "{what}"),
            Self::Quiet => (),
        }
    }

    /// Shows a change on a live display only.
    pub(crate) fn tick(&self, what: &str) {
        if let Self::Spinner(bar) = self {
            bar.set_message(line(what));
        }
    }

    /// Restores the terminal to its earlier state.
    pub(crate) fn finish(&self) {
        if let Self::Spinner(bar) = self {
            bar.finish_and_clear();
        }
    }
}
