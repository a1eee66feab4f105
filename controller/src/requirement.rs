//! What is required of a sandbox: the record, the list, and what judging comes to.
//!
//! A requirement is one file with one `const` record. Judges are pure: the same case gives the same finding.

mod api_server_blocked;
mod closed_from_the_start;
mod coverage;
mod devices_minimal;
mod dns_contained;
mod environment_declared;
mod filesystem_isolation;
mod host_sockets_absent;
mod least_privilege;
mod limits_declared;
mod limits_enforced;
mod metadata_blocked;
mod neighbours_blocked;
mod network_isolation;
mod network_policies_apply;
mod no_token;
mod policies_enforced;
mod probe_integrity;
#[cfg(test)]
mod properties;
mod resource_limits;
mod root_read_only;
mod runtime_class_exists;
mod runtime_class_used;
mod runtime_hardening;
mod runtime_isolation;
mod runtime_settings;
mod secrets_absent;
mod system_information_hidden;

use schemars::JsonSchema;
use serde::Serialize;

use crate::case::{Case, Citation};

/// Every requirement, in the order of the report.
pub const ALL: &[&Requirement] = &[
    &runtime_isolation::REQUIREMENT,
    &network_isolation::REQUIREMENT,
    &filesystem_isolation::REQUIREMENT,
    &resource_limits::REQUIREMENT,
    &least_privilege::REQUIREMENT,
    &metadata_blocked::REQUIREMENT,
    &dns_contained::REQUIREMENT,
    &closed_from_the_start::REQUIREMENT,
    &api_server_blocked::REQUIREMENT,
    &neighbours_blocked::REQUIREMENT,
    &host_sockets_absent::REQUIREMENT,
    &secrets_absent::REQUIREMENT,
    &root_read_only::REQUIREMENT,
    &devices_minimal::REQUIREMENT,
    &system_information_hidden::REQUIREMENT,
    &environment_declared::REQUIREMENT,
    &runtime_class_exists::REQUIREMENT,
    &runtime_class_used::REQUIREMENT,
    &runtime_settings::REQUIREMENT,
    &runtime_hardening::REQUIREMENT,
    &network_policies_apply::REQUIREMENT,
    &policies_enforced::REQUIREMENT,
    &limits_declared::REQUIREMENT,
    &limits_enforced::REQUIREMENT,
    &no_token::REQUIREMENT,
    &coverage::REQUIREMENT,
    &probe_integrity::REQUIREMENT,
];

/// One thing that is required.
#[derive(Debug)]
pub struct Requirement {
    /// In kebab-case; the key in every report.
    pub id: &'static str,
    /// What holds when it is met, as a sentence.
    pub title: &'static str,
    /// What it is about.
    pub area: Area,
    /// How the environment changes its weight.
    pub class: Class,
    /// Where it is judged.
    pub scope: Scope,
    /// Whether production cannot do without it.
    pub mandatory: bool,
    /// Its share of the score.
    pub weight: u8,
    /// What could happen without it.
    pub protects: &'static str,
    /// What to do when it is not met.
    pub remedy: &'static str,
    /// What is looked at, and what each outcome means.
    pub explanation: Explanation,
    /// Where others require the same.
    pub mappings: &'static [&'static str],
    /// Judges a case.
    pub judge: fn(&Case) -> Judgement,
}

/// For whoever asks what a requirement means; a finding speaks of its own case.
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    /// Observers' ids, or who else says it: the machine, the bundle, the cluster, the control.
    pub looks_at: &'static [&'static str],
    /// What holds then.
    pub met: &'static str,
    /// What does not hold then.
    pub unmet: &'static str,
    /// What is not known then.
    pub inconclusive: &'static str,
    /// What to do on which platform, besides the remedy.
    pub on_platforms: &'static [(&'static str, &'static str)],
}

/// How pods come to run in gVisor.
const RUNTIME_ON_PLATFORMS: &[(&str, &str)] = &[
    (
        "GKE",
        "a node pool of GKE Sandbox (`gcloud container node-pools create --sandbox type=gvisor`), whose class is gvisor",
    ),
    (
        "EKS",
        "a custom AMI with runsc and containerd-shim-runsc-v1, and the handler in containerd's configuration",
    ),
    ("minikube", "`minikube addons enable gvisor`"),
    (
        "containerd",
        "runsc and its shim on each node, the handler in config.toml, and deploy/runtime-class.yaml",
    ),
    ("one machine", "`--runtime runsc`"),
];
/// How nothing is reached.
const NETWORK_ON_PLATFORMS: &[(&str, &str)] = &[
    (
        "Kubernetes",
        "deploy/default-deny.yaml, and a CNI plugin that implements NetworkPolicy; try it: `kubectl exec POD -- nc -zvw2 example.com 443`",
    ),
    ("GKE", "Dataplane V2, or `--enable-network-policy`"),
    ("EKS", "the VPC CNI's network policy agent, or Cilium or Calico"),
    ("one machine", "`runsc --network=none`"),
];
/// How limits arrive.
const LIMITS_ON_PLATFORMS: &[(&str, &str)] = &[
    (
        "Kubernetes",
        "limits on every container, init containers too: a pod's limit exists only where all have one",
    ),
    ("containerd", "`systemd-cgroup = \"true\"` in runsc.toml where the kubelet's driver is systemd"),
    ("one machine", "linux.resources in config.json, and no `--ignore-cgroups`"),
];

/// What a requirement is about.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// The kernel that answers.
    Runtime,
    /// What can be reached.
    Network,
    /// What can be read.
    Filesystem,
    /// What can be used up.
    Limits,
    /// What the process may do.
    Privilege,
    /// Whether the evidence can be relied on.
    Evidence,
}

/// How the environment changes what a requirement does to the verdict.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Blocks everywhere.
    Regular,
    /// Warns in development and staging, blocks in production.
    Adaptive,
    /// Not judged in development, warns in staging, blocks in production.
    ProductionOnly,
    /// Shown in development, warns elsewhere.
    Advisory,
}

/// Where a requirement is judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// In every sandbox.
    Everywhere,
    /// Only in a cluster, which declares what it is about.
    Cluster,
}

/// What judging came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It holds, and was seen to hold.
    Met,
    /// It was seen not to hold.
    Unmet,
    /// It could not be decided; why.
    Inconclusive(String),
    /// It has no meaning here; why.
    NotApplicable(String),
}

/// An outcome with its reasons.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judgement {
    /// What it came to.
    pub outcome: Outcome,
    /// One sentence for this case.
    pub because: String,
    /// What it rests on.
    pub citations: Vec<Citation>,
    /// Something dresses up as gVisor that is not.
    pub disguise: bool,
}

// === impl Area ===

impl Area {
    /// As it stands in reports.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Network => "network",
            Self::Filesystem => "filesystem",
            Self::Limits => "limits",
            Self::Privilege => "privilege",
            Self::Evidence => "evidence",
        }
    }
}

// === impl Judgement ===

impl Judgement {
    /// It holds.
    pub fn met(because: impl Into<String>) -> Self {
        Self::new(Outcome::Met, because)
    }

    /// It does not hold.
    pub fn unmet(because: impl Into<String>) -> Self {
        Self::new(Outcome::Unmet, because)
    }

    /// It cannot be decided, for this reason.
    pub fn inconclusive(why: impl Into<String>) -> Self {
        let why = why.into();
        Self::new(Outcome::Inconclusive(why.clone()), why)
    }

    /// It has no meaning here, for this reason.
    pub fn not_applicable(why: impl Into<String>) -> Self {
        let why = why.into();
        Self::new(Outcome::NotApplicable(why.clone()), why)
    }

    fn new(outcome: Outcome, because: impl Into<String>) -> Self {
        Self { outcome, because: because.into(), citations: Vec::new(), disguise: false }
    }

    /// The same, resting on one observation more.
    #[must_use]
    pub fn citing(mut self, source: &'static str, text: impl Into<String>) -> Self {
        self.citations.push(Citation { source, text: text.into() });
        self
    }

    /// The same, resting on these observations too.
    #[must_use]
    pub fn citing_all(mut self, citations: impl IntoIterator<Item = Citation>) -> Self {
        self.citations.extend(citations);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kebab_case_and_stand_once() {
        let mut ids: Vec<_> = ALL.iter().map(|requirement| requirement.id).collect();
        assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '-')), "{ids:?}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ALL.len());
    }

    #[test]
    fn the_mandatory_requirements_are_the_four() {
        let mandatory: Vec<_> = ALL.iter().filter(|r| r.mandatory).map(|r| r.id).collect();
        assert_eq!(
            mandatory,
            ["runtime-isolation", "network-isolation", "filesystem-isolation", "resource-limits"]
        );
    }

    #[test]
    fn every_requirement_says_what_it_protects_from_and_what_to_do() {
        for requirement in ALL {
            assert!(!requirement.protects.is_empty() && !requirement.remedy.is_empty(), "{}", requirement.id);
            assert!(requirement.weight > 0, "{}", requirement.id);
            let Explanation { looks_at, met, unmet, inconclusive, .. } = requirement.explanation;
            assert!(!looks_at.is_empty(), "{}", requirement.id);
            for words in [met, unmet, inconclusive] {
                assert!(!words.is_empty() && !words.ends_with('.'), "{}: {words}", requirement.id);
            }
        }
    }
}
