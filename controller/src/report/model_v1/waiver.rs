//! A waiver of the policy file, and its effect.

use schemars::JsonSchema;
use serde::Serialize;

use super::Subject;
use crate::judge::{
    finding::{Finding, Judged},
    policy::{
        Policy, Waiver,
        waiver::{self, Scope},
    },
};

/// A waiver of the policy file, and its effect.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ReportedWaiver {
    /// The requirement's id.
    pub requirement: &'static str,
    /// The sandboxes that the waiver is for.
    pub scope: String,
    /// The person or team that answers for the waiver.
    pub owner: String,
    /// The reason for the waiver.
    pub reason: String,
    /// The waiver's last day in UTC, as YYYY-MM-DD.
    pub expires: String,
    /// The standing of the waiver on the day of the judgement.
    pub standing: Standing,
    /// True if a finding in the waiver's scope was unmet or inconclusive.
    pub needed: bool,
    /// The waiver's line in the policy file.
    pub line: usize,
}

/// The standing of a waiver.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The waiver has effect.
    InForce,
    /// The waiver's last day is over, which alone gives *not ready*.
    Expired,
    /// The waiver has no effect: production waives no mandatory requirement.
    Refused,
}

// === impl ReportedWaiver ===

impl ReportedWaiver {
    /// Returns a sentence on the waiver's last day, which is over.
    pub(in crate::report) fn expiry(&self) -> String {
        let Self { requirement, owner, scope, expires, .. } = self;
        format!("The waiver of {requirement} ({owner}, for {scope}) was good until {expires}.")
    }

    /// Returns true if the waiver is for a subject.
    pub(in crate::report) fn covers(&self, subject: &Subject) -> bool {
        let pods = match subject {
            Subject::Pods { namespace, pool, .. } => Some((namespace.as_str(), pool.as_str())),
            Subject::Sandbox { .. } | Subject::Container { .. } | Subject::Unsandboxed => None,
        };
        Scope::parse(&self.scope).is_some_and(|scope| scope.covers_pods(pods))
    }

    /// Returns true if a judged case needs a waiver.
    pub(in crate::report) fn is_needed(waiver: &Waiver, judged: &Judged<'_>) -> bool {
        let of_it = |finding: &&Finding| finding.requirement.id == waiver.requirement;
        let is_gap = |finding: &Finding| finding.is_unmet() || finding.is_undecided();
        waiver.scope.covers(&judged.case.surroundings.subject)
            && judged.findings.iter().filter(of_it).any(is_gap)
    }

    pub(in crate::report) fn new(waiver: &Waiver, policy: &Policy, needed: bool) -> Self {
        Self {
            requirement: waiver.requirement,
            scope: waiver.scope.title(),
            owner: waiver.owner.clone(),
            reason: waiver.reason.clone(),
            expires: waiver.expires.clone(),
            standing: policy.standing(waiver).into(),
            needed,
            line: waiver.line,
        }
    }

    /// Returns the waiver's standing for people.
    pub const fn standing(&self) -> &'static str {
        match (self.standing, self.needed) {
            (Standing::InForce, true) => "in force",
            (Standing::InForce, false) => "not needed",
            (Standing::Expired, _) => "expired",
            (Standing::Refused, _) => "refused: production waives no mandatory requirement",
        }
    }
}

// === impl Standing ===

impl From<waiver::Standing> for Standing {
    fn from(standing: waiver::Standing) -> Self {
        match standing {
            waiver::Standing::InForce => Self::InForce,
            waiver::Standing::Expired => Self::Expired,
            waiver::Standing::Refused => Self::Refused,
        }
    }
}
