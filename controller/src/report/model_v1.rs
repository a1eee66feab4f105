//! Version 1 of the public report, in types of its own: an internal rename reaches neither the JSON nor its schema.
//!
//! A reader of this version ignores keys that it does not know. The version stays 1 while keys are only added, which the
//! schema never requires. The version becomes 2 when a key is removed or renamed, when a key changes its type or its
//! meaning, or when a list of values grows that the schema closes.

mod accepted;
mod environment;
mod extent;
mod finding;
mod profile;
mod requirement;
mod run;
mod sandbox;
mod subject;
mod verdict;
mod waiver;

use schemars::JsonSchema;
use serde::Serialize;

use crate::judge::policy::file;

pub use accepted::{Accepted, ReportedAcceptance};
pub use environment::{Declared, Environment};
pub use extent::{Extent, LeftOut};
pub use finding::{Citation, PlatformRemedy, ReportedFinding, ReportedOutcome};
pub use profile::Profile;
pub use requirement::{Area, Class, Enforcement};
pub use run::{Place, Run};
pub(in crate::report) use sandbox::Known;
pub use sandbox::{RanPod, ReportedObservation, ReportedSandbox};
pub use subject::Subject;
pub use verdict::Verdict;
pub use waiver::{ReportedWaiver, Standing};

/// The version of this form.
pub const VERSION: u32 = 1;

/// The report of a judged run.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Report {
    /// The version of this form, which is 1.
    pub version: u32,
    /// The verdict on the whole run.
    pub verdict: Verdict,
    /// The extent of the verdict: what the flags restricted the run to, and what they left out.
    #[serde(default)]
    pub extent: Extent,
    /// The weight of the met requirements in the weight of the judged requirements, from 0 to 100. The score decides
    /// nothing.
    pub score: u32,
    /// Place, time and controller of the run; `null` where older evidence does not tell.
    pub run: Option<Run>,
    /// The environment that the workloads are meant for, and the setting that named it.
    pub environment: Declared,
    /// The network profiles of the sandboxes, each once: a policy file may have another one for a workload.
    #[serde(default)]
    pub profiles: Vec<Profile>,
    /// True if `--only production` was given.
    pub only_production: bool,
    /// The path of the policy file in its repository; `null` where there is no policy file.
    pub policy: Option<String>,
    /// Every waiver of the policy file, needed or not.
    pub waivers: Vec<ReportedWaiver>,
    /// Every driver and device that the policy file accepts by name. The notes tell of them, too.
    #[serde(default)]
    pub accepted: Vec<ReportedAcceptance>,
    /// One sentence on the extent of the check.
    #[serde(default)]
    pub scope: String,
    /// Parts of the cluster that were not judged, each with the reason.
    #[serde(default)]
    pub not_judged: Vec<String>,
    /// Everything to know of the whole run, in sentences; the scope and the parts that were not judged are among them.
    pub notes: Vec<String>,
    /// The judged sandboxes, the worst first; a local run has one.
    pub sandboxes: Vec<ReportedSandbox>,
}

// === impl Report ===

impl Report {
    /// Returns the notes that neither the scope nor the parts that were not judged repeat.
    pub fn remarks(&self) -> impl Iterator<Item = &String> {
        self.notes.iter().filter(|note| **note != self.scope && !self.not_judged.contains(note))
    }

    /// Returns the waivers that have outlived their last day.
    pub fn expired_waivers(&self) -> impl Iterator<Item = &ReportedWaiver> {
        self.waivers.iter().filter(|waiver| waiver.standing == Standing::Expired)
    }

    /// Returns the path of the policy file in its repository, where the file is or would be.
    pub(super) fn policy_path(&self) -> &str {
        self.policy.as_deref().unwrap_or(file::NAME)
    }
}
