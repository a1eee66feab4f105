//! The public report of a judged run, and the forms in which it is written.

mod closed_by_default;
pub(crate) mod deliver;
pub mod diff;
mod early_pods;
pub(crate) mod explained;
mod extent;
mod format;
mod gaps;
mod github;
mod gitlab;
mod head;
mod html;
mod json;
mod junit;
mod markdown;
mod matrix;
pub mod model_v1;
mod notes;
mod printable;
mod prometheus;
mod report_objects;
mod sarif;
pub mod schema;
mod tap;
pub mod text;

use crate::{
    evidence::record::Record,
    judge::{
        finding::Judged,
        policy::{Acceptance, Policy},
        verdict,
    },
};

pub use format::{Error, Format};
pub use markdown::render as markdown;
pub use model_v1::{
    Accepted, Area, Declared, Enforcement, Extent, LeftOut, Place, Report, ReportedAcceptance,
    ReportedFinding, ReportedOutcome, ReportedSandbox, ReportedWaiver, Run, Standing, Subject, Verdict,
};

impl Report {
    /// Returns the verdict with its extent, and the environment that it is for.
    pub(crate) fn headline(&self) -> String {
        head::verdict(self)
    }

    /// Returns the place and the time of the run in words.
    pub(crate) fn origin(&self) -> String {
        format!("{}, time {}", head::place(self), head::time(self))
    }

    /// Judges a run, and converts the judgement to the public form.
    pub fn of(record: &Record, policy: &Policy) -> Self {
        let judged: Vec<_> = record.cases.iter().map(|case| Judged::of(case, policy)).collect();
        let all: Vec<_> = judged.iter().flat_map(|judged| judged.findings.iter().cloned()).collect();
        let mut sandboxes: Vec<_> = judged.iter().map(ReportedSandbox::new).collect();
        sandboxes.sort_by_key(|sandbox| sandbox.verdict.badness());
        let scope = record.cases.first().map(notes::scope).unwrap_or_default();
        let not_judged = record.cases.first().map(notes::not_judged).unwrap_or_default();
        let notes = (!scope.is_empty()).then(|| scope.clone()).into_iter();
        let notes = notes.chain(not_judged.iter().cloned());
        let notes = notes.chain(record.cases.first().and_then(notes::rounds));
        let notes = notes
            .chain(early_pods::notes(&record.cases))
            .chain(closed_by_default::note(&record.cases))
            .chain(record.remarks.iter().cloned());
        Self {
            version: model_v1::VERSION,
            verdict: verdict::Verdict::under(policy, &all).into(),
            extent: Extent::of(policy, &record.cases, &all),
            score: verdict::score(&all, policy),
            run: record.circumstances.as_ref().map(Run::from),
            environment: (&record.environment).into(),
            only_production: policy.only_production,
            policy: policy.file.clone(),
            waivers: policy
                .waivers
                .iter()
                .map(|waiver| ReportedWaiver::new(waiver, policy, &judged))
                .collect(),
            accepted: policy.accepted.iter().map(ReportedAcceptance::from).collect(),
            notes: notes
                .chain(notes::unenforced(&all))
                .chain(policy.accepted.iter().map(Acceptance::words))
                .collect(),
            scope,
            not_judged,
            sandboxes,
        }
    }
}
