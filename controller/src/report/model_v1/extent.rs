//! The extent of a verdict: what the user's flags restricted the run to, and what they left out.

use schemars::JsonSchema;
use serde::Serialize;

/// The extent of a verdict.
#[derive(Clone, Debug, Default, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Extent {
    /// True if no flag left anything out. A pipeline that gates on the whole namespace reads this key.
    pub whole: bool,
    /// The parts that the flags restricted the run to, such as "deployment/web"; empty without a restriction.
    pub restricted_to: Vec<String>,
    /// The parts that the flags left out.
    pub left_out: Vec<LeftOut>,
}

/// The parts that one flag left out.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct LeftOut {
    /// The flag, such as "--only production". New flags are no new version.
    pub by: &'static str,
    /// The noun for one of the parts, such as "requirement". New nouns are no new version.
    pub noun: &'static str,
    /// The names of the parts.
    pub names: Vec<String>,
}
