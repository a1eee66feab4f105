//! The public report of a judged run, and the forms in which it is written.

pub(crate) mod attestation;
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
mod interned;
mod json;
mod judging;
mod junit;
mod markdown;
mod matrix;
pub mod model_v1;
mod notes;
mod printable;
mod prometheus;
pub(crate) mod proof;
mod rank;
mod report_objects;
mod sarif;
pub mod schema;
mod tap;
pub mod text;

use crate::{evidence::record::Record, judge::policy::Policy};

pub(crate) use extent::{NO_NETWORK, ONLY};
pub use format::{Error, Format};
pub(crate) use judging::Judging;
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

    /// Returns the metrics of the report, as the format `prometheus` has them.
    pub(crate) fn metrics(&self) -> String {
        prometheus::render(&self.printable())
    }

    /// Returns the place and the time of the run in words.
    pub(crate) fn origin(&self) -> String {
        format!("{}, time {}", head::place(self), head::time(self))
    }

    /// Judges a run, and converts the judgement to the public form.
    pub fn of(record: &Record, policy: &Policy) -> Self {
        let mut judging = Judging::under(policy);
        record.cases.iter().for_each(|case| judging.add(case));
        judging.report(record)
    }

    /// Judges a run as [`of`](Self::of) does, and lets go of each case after its judgement.
    pub(crate) fn of_last(mut record: Record, policy: &Policy) -> Self {
        let mut judging = Judging::under(policy);
        for case in std::mem::take(&mut record.cases) {
            judging.add(&case);
        }
        judging.report(&record)
    }
}
