//! The public form of a judged run. It is versioned and apart from the internal types, so that they can change.

pub(crate) mod deliver;
pub mod diff;
mod format;
mod github;
mod html;
mod json;
mod junit;
mod markdown;
mod matrix;
mod notes;
mod sarif;
pub mod schema;
pub mod text;

use proto::Observed;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    case::{Citation, RanPod, Subject, environment::Declared},
    evidence::record::Record,
    judge::{
        finding::{Finding, Judged},
        policy::{Enforcement, Policy, Standing, Waiver},
        requirement::{Area, Class, Outcome},
        verdict::{Verdict, score},
    },
};

pub use format::{Error, Format};
pub use markdown::render as markdown;
pub use notes::{left_behind, timed_out};

/// The version of this form; readers refuse what they do not know.
pub const VERSION: u32 = 1;

/// Everything that a reader is told.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// Whether one may go on.
    pub verdict: Verdict,
    /// From 0 to 100; it decides nothing.
    pub score: u32,
    /// Where the workloads are meant to run, and what said so.
    pub environment: Declared,
    /// Whether `--only production` was given.
    pub only_production: bool,
    /// The policy file, as seen from the repository that it is in, where there is one.
    pub policy: Option<String>,
    /// Every waiver of the policy file, whether it was needed or not.
    pub waivers: Vec<ReportedWaiver>,
    /// What the reader should know of the whole run.
    pub notes: Vec<String>,
    /// What was judged, the worst first; on this machine there is one.
    pub sandboxes: Vec<ReportedSandbox>,
}

/// A waiver, and what became of it.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ReportedWaiver {
    /// The requirement's id.
    pub requirement: &'static str,
    /// Where it is to be heeded.
    pub scope: String,
    /// Who answers for it.
    pub owner: String,
    /// Why it was granted.
    pub reason: String,
    /// Its last day.
    pub expires: String,
    /// Whether it is heeded.
    pub standing: Standing,
    /// Whether something was not met, or not decided, that it is for.
    pub needed: bool,
    /// Its line in the policy file.
    pub line: usize,
}

/// One judged sandbox, or the pods that one probe stands for.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ReportedSandbox {
    /// What was judged.
    pub subject: Subject,
    /// What its findings alone would come to.
    pub verdict: Verdict,
    /// The probe's version, if it spoke.
    pub probe: Option<String>,
    /// The pod in which the probe ran, in a cluster.
    pub pod: Option<RanPod>,
    /// One for each requirement.
    pub findings: Vec<ReportedFinding>,
    /// How each of the probe's observers fared.
    pub observations: Vec<ReportedObservation>,
}

/// How one look fared; what was seen is cited by the findings that rest on it.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ReportedObservation {
    /// The observer's id.
    pub observer: &'static str,
    /// "seen", or why not.
    pub outcome: String,
}

/// A finding in its public form.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ReportedFinding {
    /// The requirement's id.
    pub id: &'static str,
    /// What holds when it is met.
    pub title: &'static str,
    /// What it is about.
    pub area: Area,
    /// How the environment changes its weight.
    pub class: Class,
    /// Whether production cannot do without it.
    pub mandatory: bool,
    /// What it does to the verdict.
    pub enforcement: Enforcement,
    /// What it came to.
    pub outcome: ReportedOutcome,
    /// One sentence of reason.
    pub because: String,
    /// Something dresses up as gVisor that is not.
    pub disguise: bool,
    /// What it rests on.
    pub evidence: Vec<Citation>,
    /// What could happen without it.
    pub protects: &'static str,
    /// What to do; none where there is nothing to do.
    pub remedy: Option<&'static str>,
    /// Where others require the same.
    pub mappings: &'static [&'static str],
}

/// An outcome's name; its reason is the finding's.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportedOutcome {
    /// It holds.
    Met,
    /// It does not hold.
    Unmet,
    /// It could not be decided.
    Inconclusive,
    /// It has no meaning here, or was not asked for.
    NotApplicable,
}

// === impl Report ===

impl Report {
    /// Judges a run, and puts it into its public form.
    pub fn of(record: &Record, policy: &Policy) -> Self {
        let judged: Vec<_> = record.cases.iter().map(|case| Judged::of(case, policy)).collect();
        let all: Vec<_> = judged.iter().flat_map(|judged| judged.findings.iter().cloned()).collect();
        let mut sandboxes: Vec<_> = judged.iter().map(ReportedSandbox::new).collect();
        sandboxes.sort_by_key(|sandbox| sandbox.verdict.badness());
        let mut notes: Vec<_> = record.cases.first().into_iter().flat_map(notes::judged).collect();
        notes.extend(record.remarks.iter().cloned());
        notes.extend(notes::unenforced(&all));
        Self {
            version: VERSION,
            verdict: Verdict::under(policy, &all),
            score: score(&all, policy),
            environment: record.environment.clone(),
            only_production: policy.only_production,
            policy: policy.file.clone(),
            waivers: policy
                .waivers
                .iter()
                .map(|waiver| ReportedWaiver::new(waiver, policy, &judged))
                .collect(),
            notes,
            sandboxes,
        }
    }
}

// === impl ReportedWaiver ===

impl ReportedWaiver {
    fn new(waiver: &Waiver, policy: &Policy, judged: &[Judged<'_>]) -> Self {
        let of_it = |finding: &&Finding| finding.requirement.id == waiver.requirement;
        let needed = judged
            .iter()
            .filter(|judged| waiver.scope.covers(&judged.case.surroundings.subject))
            .flat_map(|judged| judged.findings.iter().filter(of_it))
            .any(|finding| finding.is_unmet() || finding.is_undecided());
        Self {
            requirement: waiver.requirement,
            scope: waiver.scope.title(),
            owner: waiver.owner.clone(),
            reason: waiver.reason.clone(),
            expires: waiver.expires.clone(),
            standing: policy.standing(waiver),
            needed,
            line: waiver.line,
        }
    }

    /// What became of it, as people read it.
    pub const fn standing(&self) -> &'static str {
        match (self.standing, self.needed) {
            (Standing::InForce, true) => "in force",
            (Standing::InForce, false) => "not needed",
            (Standing::Expired, _) => "expired",
            (Standing::Refused, _) => "refused: production waives nothing that is mandatory",
        }
    }
}

// === impl ReportedSandbox ===

impl ReportedSandbox {
    fn new(Judged { case, findings }: &Judged<'_>) -> Self {
        let introduction = case.collected.introduction.as_ref();
        Self {
            subject: case.surroundings.subject.clone(),
            verdict: Verdict::of(findings),
            probe: introduction.map(|introduction| introduction.probe_version.clone()),
            pod: case.surroundings.in_cluster.as_ref().and_then(|known| known.pod.clone()),
            findings: findings.iter().map(ReportedFinding::new).collect(),
            observations: case.evidence().outcomes().iter().map(ReportedObservation::new).collect(),
        }
    }
}

// === impl ReportedObservation ===

impl ReportedObservation {
    fn new(Observed { observer, outcome }: &Observed) -> Self {
        Self { observer: observer.id(), outcome: outcome.fared() }
    }
}

// === impl ReportedFinding ===

impl ReportedFinding {
    fn new(finding: &Finding) -> Self {
        let requirement = finding.requirement;
        let outcome = match finding.outcome {
            Outcome::Met => ReportedOutcome::Met,
            Outcome::Unmet => ReportedOutcome::Unmet,
            Outcome::Inconclusive(_) => ReportedOutcome::Inconclusive,
            Outcome::NotApplicable(_) => ReportedOutcome::NotApplicable,
        };
        let wanting = matches!(outcome, ReportedOutcome::Unmet | ReportedOutcome::Inconclusive);
        Self {
            id: requirement.id,
            title: requirement.title,
            area: requirement.area,
            class: requirement.class,
            mandatory: requirement.mandatory,
            enforcement: finding.enforcement,
            outcome,
            because: finding.because.clone(),
            disguise: finding.disguise,
            evidence: finding.citations.clone(),
            protects: requirement.protects,
            remedy: wanting.then_some(requirement.remedy),
            mappings: requirement.mappings,
        }
    }

    /// Whether it was seen not to hold, or could not be decided; a mandatory requirement is applicable everywhere.
    pub fn is_wanting(&self) -> bool {
        match self.outcome {
            ReportedOutcome::Unmet | ReportedOutcome::Inconclusive => true,
            ReportedOutcome::NotApplicable => self.mandatory && self.enforcement != Enforcement::NotJudged,
            ReportedOutcome::Met => false,
        }
    }
}

// === impl ReportedOutcome ===

impl ReportedOutcome {
    /// As people read it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Unmet => "unmet",
            Self::Inconclusive => "inconclusive",
            Self::NotApplicable => "not applicable",
        }
    }

    /// A sign that says the same without a colour.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Met => "✔",
            Self::Unmet => "✘",
            Self::Inconclusive => "?",
            Self::NotApplicable => "–",
        }
    }
}
