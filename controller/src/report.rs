//! The public form of a judged run. It is versioned and apart from the internal types, so that they can change.

pub mod json;
pub mod text;

use std::collections::BTreeSet;

use proto::Observed;
use serde::Serialize;

use crate::{
    case::{Case, Citation, RanPod, Subject},
    cluster::Coverage,
    environment::Declared,
    finding::{Finding, Judged},
    launch::Leftover,
    policy::{Enforcement, Policy},
    requirement::{Area, Class, Outcome},
    verdict::{Verdict, score},
};

/// The version of this form; readers refuse what they do not know.
pub const VERSION: u32 = 1;

/// Everything that a reader is told.
#[derive(Clone, Debug, Serialize)]
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
    /// What the reader should know of the whole run.
    pub notes: Vec<String>,
    /// What was judged, the worst first; on this machine there is one.
    pub sandboxes: Vec<ReportedSandbox>,
}

/// One judged sandbox, or the pods that one probe stands for.
#[derive(Clone, Debug, Serialize)]
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
#[derive(Clone, Debug, Serialize)]
pub struct ReportedObservation {
    /// The observer's id.
    pub observer: &'static str,
    /// "seen", or why not.
    pub outcome: String,
}

/// A finding in its public form.
#[derive(Clone, Debug, Serialize)]
pub struct ReportedFinding {
    /// The requirement's id.
    pub id: &'static str,
    /// What holds when it is met.
    pub title: &'static str,
    /// What it is about.
    pub area: Area,
    /// How the environment changes its weight.
    pub class: Class,
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
    /// What to do; none where there is nothing to do.
    pub remedy: Option<&'static str>,
    /// Where others require the same.
    pub mappings: &'static [&'static str],
}

/// An outcome's name; its reason is the finding's.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
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
    /// Puts a judged run into its public form; `remarks` are what the reader should know of the run besides.
    pub fn new(declared: Declared, policy: Policy, judged: &[Judged], remarks: Vec<String>) -> Self {
        let all: Vec<_> = judged.iter().flat_map(|judged| judged.findings.iter().cloned()).collect();
        let mut sandboxes: Vec<_> = judged.iter().map(ReportedSandbox::new).collect();
        sandboxes.sort_by_key(|sandbox| sandbox.verdict.badness());
        let mut notes: Vec<_> =
            judged.first().into_iter().flat_map(|judged| self::judged(&judged.case)).collect();
        notes.extend(remarks);
        notes.extend(unenforced(&all));
        Self {
            version: VERSION,
            verdict: Verdict::of(&all),
            score: score(&all),
            environment: declared,
            only_production: policy.only_production,
            notes,
            sandboxes,
        }
    }
}

/// What a run that did not end in time is told with.
pub fn timed_out() -> String {
    "the run did not end in time; what had not been seen by then is inconclusive".to_owned()
}

/// What could not be removed, and how to.
pub fn left_behind(leftovers: &[Leftover]) -> Vec<String> {
    let left =
        |leftover: &Leftover| format!("left behind: {}; remove it with `{}`", leftover.what, leftover.remedy);
    leftovers.iter().map(left).collect()
}

// === impl ReportedSandbox ===

impl ReportedSandbox {
    fn new(Judged { case, findings }: &Judged) -> Self {
        let introduction = case.collected.introduction.as_ref();
        Self {
            subject: case.survey.subject.clone(),
            verdict: Verdict::of(findings),
            probe: introduction.map(|introduction| introduction.probe_version.clone()),
            pod: case.survey.in_cluster.as_ref().and_then(|known| known.pod.clone()),
            findings: findings.iter().map(ReportedFinding::new).collect(),
            observations: case.evidence().outcomes().iter().map(ReportedObservation::new).collect(),
        }
    }
}

fn judged(case: &Case) -> Vec<String> {
    let text = match &case.survey.subject {
        Subject::Sandbox { runtime, bundle: None } => format!(
            "judged: a sandbox that this machine's `{}` made for the probe alone, not your containers",
            runtime.join(" ")
        ),
        Subject::Sandbox { runtime, bundle: Some(folder) } => {
            format!(
                "judged: the bundle {}, run by `{}`, with the probe as its program",
                folder.display(),
                runtime.join(" ")
            )
        }
        Subject::Unsandboxed => {
            "judged: this machine without a sandbox, because there is no runsc on PATH and no \
                                 --runtime; install runsc, or name a runtime"
                .to_owned()
        }
        Subject::Pods { namespace, .. } => {
            format!("judged: the namespace {namespace}, by a probe for each kind of pod")
        }
    };
    let coverage = case.survey.in_cluster.as_ref().map(|known| covered(&known.coverage));
    [text].into_iter().chain(coverage.into_iter().flatten()).collect()
}

fn covered(coverage: &Coverage) -> Vec<String> {
    let nodes = (coverage.nodes > 0).then(|| {
        format!("{} of {} nodes of the used pools were seen", coverage.nodes_planned, coverage.nodes)
    });
    let unused =
        coverage.unused_pools.iter().map(|pool| format!("pool {pool} is not used by this namespace"));
    let uncovered = coverage.uncovered.iter().map(|it| format!("no probe stands for {it}"));
    nodes.into_iter().chain(unused).chain(uncovered).collect()
}

/// A verdict that did not enforce everything says so, and how to ask for it.
fn unenforced(findings: &[Finding]) -> Option<String> {
    let mut lenient: Vec<_> = findings
        .iter()
        .filter(|finding| {
            finding.enforcement != Enforcement::Blocks && finding.requirement.class != Class::Advisory
        })
        .map(|finding| finding.requirement.id)
        .collect();
    let mut told = BTreeSet::new();
    lenient.retain(|id| told.insert(*id));
    (!lenient.is_empty()).then(|| {
        format!("not enforced here: {}; enforce them with `--environment production`", lenient.join(", "))
    })
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
            enforcement: finding.enforcement,
            outcome,
            because: finding.because.clone(),
            disguise: finding.disguise,
            evidence: finding.citations.clone(),
            remedy: wanting.then_some(requirement.remedy),
            mappings: requirement.mappings,
        }
    }
}
