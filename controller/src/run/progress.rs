//! Progress of the run on standard error: a spinner on a terminal, otherwise one line for each change; nothing with
//! `--quiet`.

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

/// Returns true unless `NO_COLOR` is set and not empty (no-color.org).
pub(crate) fn colour_is_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The way in which progress is shown.
#[derive(Debug)]
pub(crate) enum Progress {
    Spinner(ProgressBar),
    Lines,
    Quiet,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        if quiet {
            return Self::Quiet;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines;
        }
        let template = if colour_is_wanted() { "{spinner:.cyan} {msg}" } else { "{spinner} {msg}" };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner().with_style(style);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self::Spinner(bar)
    }

    /// Shows a change that deserves a line of its own.
    pub(crate) fn change(&self, what: &str) {
        match self {
            Self::Spinner(bar) => bar.set_message(what.to_owned()),
            // Standard error may be closed; nobody sees the progress then.
            Self::Lines => _ = writeln!(std::io::stderr(), "{what}"),
            Self::Quiet => (),
        }
    }

    /// Shows a change on a live display only.
    pub(crate) fn tick(&self, what: &str) {
        if let Self::Spinner(bar) = self {
            bar.set_message(what.to_owned());
        }
    }

    /// Restores the terminal to its earlier state.
    pub(crate) fn finish(&self) {
        if let Self::Spinner(bar) = self {
            bar.finish_and_clear();
        }
    }
}
