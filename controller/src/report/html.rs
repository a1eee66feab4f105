//! The report as one page that needs nothing else: no font, no picture and no script from elsewhere.
//!
//! Everything is visible without the page's own script, which only filters. The page stays small for many sandboxes: what
//! several have in common is said once, and what is left out is counted.

mod finding;
mod grid;
mod prose;
mod requirements;
mod sandboxes;

use std::{borrow::Borrow, collections::BTreeSet};

use askama::Template;
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::{
    Error, Place, Report, ReportedOutcome, ReportedWaiver, Subject, Verdict, extent, head, rank::Effect,
};
use grid::Grid;
use requirements::Requirement;
use sandboxes::{Looks, Sandbox};

const STYLE: &str = include_str!("../../templates/report.css");
const SCRIPT: &str = include_str!("../../templates/report.js");

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    requirements: Vec<Requirement<'a>>,
    grid: Grid<'a>,
    sandboxes: Vec<Sandbox<'a>>,
    looks: Vec<Looks<'a>>,
    unlooked: usize,
}

/// Renders one document, with a line end.
pub(super) fn render(report: &Report) -> Result<String, Error> {
    let requirements = requirements::gathered(report);
    let grid = Grid::of(report, &requirements);
    let sandboxes = sandboxes::described(report, &requirements, &grid);
    let (looks, unlooked) = sandboxes::looks(report);
    let page = Page { report, requirements, grid, sandboxes, looks, unlooked };
    Ok(page.render()?.trim_end().to_owned() + "\n")
}

/// Returns the source by which a Content Security Policy allows an inline style or script.
fn allowed(inline: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(inline)))
}

impl<'a> Page<'a> {
    /// Returns the class of the style sheet, which never says anything that a word beside it does not.
    const fn tone(&self) -> &'static str {
        tone(self.report.verdict)
    }

    /// Returns the verdict with its extent.
    fn verdict(&self) -> String {
        extent::verdict(self.report)
    }

    fn with(&self, effect: Effect) -> Vec<&Requirement<'a>> {
        self.requirements.iter().filter(|requirement| requirement.effect == effect).collect()
    }

    fn blocking(&self) -> Vec<&Requirement<'a>> {
        self.with(Effect::Blocks)
    }

    fn warning(&self) -> Vec<&Requirement<'a>> {
        self.with(Effect::Warns)
    }

    /// Returns the requirements that have no effect on the verdict, by area.
    fn rest(&self) -> Vec<&Requirement<'a>> {
        let mut rest = self.with(Effect::None);
        rest.sort_by_key(|requirement| requirement.area());
        rest
    }

    fn expired(&self) -> Vec<&'a ReportedWaiver> {
        self.report.expired_waivers().collect()
    }

    /// Returns the number of requirements whose worst outcome is this one.
    fn count(&self, outcome: ReportedOutcome) -> usize {
        self.requirements.iter().filter(|requirement| requirement.worst.outcome == outcome).count()
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    fn label(&self, sandbox: &usize) -> &str {
        self.sandboxes.get(*sandbox).map(|sandbox| sandbox.label.as_str()).unwrap_or_default()
    }

    fn is_single(&self) -> bool {
        self.sandboxes.len() == 1
    }

    fn not_judged(&self) -> Vec<String> {
        head::not_judged(self.report)
    }

    /// Returns the width of the matrix, in cells.
    fn width(&self) -> usize {
        1 + self.grid.columns.len() + usize::from(self.is_single())
    }

    /// Returns the namespace whose pods were judged; `None` for a local run. Older evidence names the namespace with the
    /// pods alone.
    fn namespace(&self) -> Option<&str> {
        match (&self.report.run, self.report.sandboxes.first().map(|sandbox| &sandbox.subject)) {
            (Some(run), _) => match &run.place {
                Place::Cluster { namespace, .. } => Some(namespace),
                Place::Machine { .. } => None,
            },
            (None, Some(Subject::Pods { namespace, .. })) => Some(namespace),
            (None, _) => None,
        }
    }

    /// Returns the versions of the probes that spoke.
    fn probes(&self) -> Vec<&str> {
        let versions: BTreeSet<_> =
            self.report.sandboxes.iter().filter_map(|sandbox| sandbox.probe.as_deref()).collect();
        versions.into_iter().collect()
    }
}

const fn tone(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ready => "met",
        Verdict::ReadyWithWarnings => "warned",
        Verdict::NotReady => "unmet",
        Verdict::Undetermined => "inconclusive",
    }
}

/// Returns a number with its noun.
fn counted(number: impl Borrow<usize>, one: &str, many: &str) -> String {
    let number = *number.borrow();
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests;
