//! Entries of the policy file for single workloads.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::Texts;
use crate::case::profile::Kind;

/// The destinations of some workloads, in place of those of the whole run: what an entry leaves out is not allowed. The first
/// entry that selects a pod counts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OfWorkloads {
    /// The workload as KIND/NAME, such as "deployment/web". An entry has this key or `labels`.
    #[schemars(with = "Option<String>")]
    pub workload: Option<Spanned<String>>,
    /// Labels of the pods, such as { app = "web" }.
    pub labels: Option<BTreeMap<String, String>>,
    /// The only namespace in which the entry counts. In such a namespace, an entry that selects nothing is an error.
    pub namespace: Option<String>,
    /// The destinations that the workload may reach. Without this key, `allow` and `require-egress` list them all.
    pub profile: Option<Kind>,
    /// The destinations that the workload may reach, in the form of `--allow`.
    #[schemars(with = "Option<Vec<String>>")]
    pub allow: Option<Texts>,
    /// The destinations that the workload may reach and must reach, in the form of `--require-egress`.
    #[schemars(with = "Option<Vec<String>>")]
    pub require_egress: Option<Texts>,
}
