//! A requirement's finding in one sandbox.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Area, Class, Enforcement};
use crate::{
    case,
    judge::{finding::Finding, platforms::Platform, requirement::Outcome},
};

/// A requirement's finding in one sandbox.
#[derive(Clone, Debug, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub struct ReportedFinding {
    /// The requirement's id.
    pub id: &'static str,
    /// The statement that holds where the requirement is met.
    pub title: &'static str,
    /// The part of the sandbox that the requirement is about.
    pub area: Area,
    /// The effect of the environment on the requirement.
    pub class: Class,
    /// True if production cannot do without the requirement.
    pub mandatory: bool,
    /// The effect of the requirement on the verdict.
    pub enforcement: Enforcement,
    /// The outcome in this sandbox.
    pub outcome: ReportedOutcome,
    /// One sentence of reason.
    pub because: String,
    /// True if something imitates gVisor.
    pub disguise: bool,
    /// The observations that the finding rests on.
    pub evidence: Vec<Citation>,
    /// The harm that the requirement prevents.
    pub protects: &'static str,
    /// The fix on any platform; `null` where there is nothing to fix.
    pub remedy: Option<&'static str>,
    /// The fixes on the recognised platforms, the most specific first; empty where there is nothing to fix.
    #[serde(default)]
    pub platform_remedies: Vec<PlatformRemedy>,
    /// The rules of other catalogues that require the same.
    pub mappings: &'static [&'static str],
}

/// The fix on one platform.
#[derive(Clone, Debug, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub struct PlatformRemedy {
    /// The platform's name, such as "GKE". New names are no new version.
    pub platform: &'static str,
    /// The fix on this platform.
    pub remedy: &'static str,
}

/// One observation that a finding rests on.
#[derive(Clone, Debug, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub struct Citation {
    /// The observer's id, or the source outside of the sandbox, such as "machine" or "bundle".
    pub source: &'static str,
    /// The observation in words.
    pub text: String,
}

/// The name of an outcome; the finding has its reason.
#[derive(Clone, Copy, Debug, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportedOutcome {
    /// The requirement was seen to hold.
    Met,
    /// The requirement was seen not to hold.
    Unmet,
    /// The evidence does not decide the requirement.
    Inconclusive,
    /// The requirement has no meaning here, or is not judged.
    NotApplicable,
}

// === impl ReportedFinding ===

impl ReportedFinding {
    pub(in crate::report) fn new(finding: &Finding, platforms: &[Platform]) -> Self {
        let requirement = finding.requirement;
        let outcome = ReportedOutcome::from(&finding.outcome);
        let to_fix = matches!(outcome, ReportedOutcome::Unmet | ReportedOutcome::Inconclusive);
        let on_platforms = requirement.remedies_on(if to_fix { platforms } else { &[] });
        Self {
            id: requirement.id,
            title: requirement.title,
            area: requirement.area.into(),
            class: requirement.class.into(),
            mandatory: requirement.mandatory,
            enforcement: finding.enforcement.into(),
            outcome,
            because: finding.because.clone(),
            disguise: finding.disguise,
            evidence: finding.citations.iter().map(Citation::from).collect(),
            protects: requirement.protects,
            remedy: to_fix.then_some(requirement.remedy),
            platform_remedies: on_platforms
                .map(|(platform, remedy)| PlatformRemedy { platform: platform.title(), remedy })
                .collect(),
            mappings: requirement.mappings,
        }
    }

    /// True if the finding leaves the verdict open, as [`Finding::is_undecided`] says it.
    pub(crate) fn is_undecided(&self) -> bool {
        match self.outcome {
            ReportedOutcome::Inconclusive => true,
            ReportedOutcome::NotApplicable => self.mandatory,
            ReportedOutcome::Met | ReportedOutcome::Unmet => false,
        }
    }

    /// Returns the fix on the most specific of the recognised platforms, in words.
    pub fn fix_on_platform(&self) -> Option<String> {
        self.platform_remedies.first().map(|it| format!("on {}: {}", it.platform, it.remedy))
    }

    /// Returns the fixes in words: the fix on the platform at hand, then the fix on any platform.
    pub fn fixes(&self) -> impl Iterator<Item = String> {
        self.fix_on_platform().into_iter().chain(self.remedy.map(str::to_owned))
    }

    /// Returns true if the finding is unmet or inconclusive; a mandatory requirement is applicable everywhere.
    pub fn is_wanting(&self) -> bool {
        match self.outcome {
            ReportedOutcome::Unmet | ReportedOutcome::Inconclusive => true,
            ReportedOutcome::NotApplicable => self.mandatory && self.enforcement != Enforcement::NotJudged,
            ReportedOutcome::Met => false,
        }
    }
}

// === impl Citation ===

impl From<&case::Citation> for Citation {
    fn from(case::Citation { source, text }: &case::Citation) -> Self {
        Self { source, text: text.clone() }
    }
}

// === impl ReportedOutcome ===

impl ReportedOutcome {
    /// Returns the outcome as formats for programs name it.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Unmet => "unmet",
            Self::Inconclusive => "inconclusive",
            Self::NotApplicable => "not-applicable",
        }
    }

    /// Returns the outcome's words for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Unmet => "unmet",
            Self::Inconclusive => "inconclusive",
            Self::NotApplicable => "not applicable",
        }
    }

    /// Returns a sign that says the same without a colour.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Met => "✔",
            Self::Unmet => "✘",
            Self::Inconclusive => "?",
            Self::NotApplicable => "–",
        }
    }
}

impl From<&Outcome> for ReportedOutcome {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Met => Self::Met,
            Outcome::Unmet => Self::Unmet,
            Outcome::Inconclusive(_) => Self::Inconclusive,
            Outcome::NotApplicable(_) => Self::NotApplicable,
        }
    }
}
