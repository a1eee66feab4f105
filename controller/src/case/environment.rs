//! The environment of the workloads: development, staging or production, and its source.
//!
//! Production is any of `ENVIRONMENT=production`, `REQUIRE_GVISOR=true` (any case) and `K8S_CLUSTER_TYPE=production`;
//! staging is `ENVIRONMENT=staging`; everything else is development. The strongest of the variables and the policy file
//! wins; only `--environment` may weaken. A value that resembles an accepted one, or is blank, is an error: a misspelt value
//! must never count silently as development. An empty variable leaves a remark.

mod near_miss;

use std::fmt;

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use near_miss::unknown;

const ENVIRONMENT: &str = "ENVIRONMENT";
const REQUIRE_GVISOR: &str = "REQUIRE_GVISOR";
const CLUSTER_TYPE: &str = "K8S_CLUSTER_TYPE";

/// The environment that the judged workloads are meant for; a later one is stronger.
// The schema of the policy file states a default of `null` only for types that serialize.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize, ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    /// Gaps are warnings.
    Development,
    /// Gaps are warnings, and the checklist of production is judged.
    Staging,
    /// Gaps block the release.
    Production,
}

/// The environment and its source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Declared {
    /// The declared environment.
    pub environment: Environment,
    /// The source of the declaration, for the report's first line.
    pub source: Source,
    /// Remarks for the reader: a value without a meaning, or a flag that weakened.
    pub remarks: Vec<String>,
}

/// The source of a declaration. Files and reports hold its words alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// The flag `--environment`, with its value.
    Flag(Environment),
    /// An environment variable.
    Variable {
        /// The variable's name.
        name: &'static str,
        /// The variable's value.
        value: String,
    },
    /// The policy file, by its name.
    PolicyFile(String),
    /// The default: no flag, variable or policy file names an environment.
    Default,
    /// The words of a saved file, which no decision reads.
    Recorded(String),
}

/// Why the environment is not known.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum EnvironmentRefused {
    /// A variable's value resembles an accepted value.
    #[error("{variable}={value:?} is not accepted; did you mean {variable}={accepted}?")]
    NearMiss {
        /// The variable's name.
        variable: &'static str,
        /// The variable's value.
        value: String,
        /// The accepted value that was probably meant.
        accepted: &'static str,
    },
    /// A variable has spaces alone, as an unfinished template leaves it.
    #[error("{variable}={value:?} is blank; name an environment")]
    Blank {
        /// The variable's name.
        variable: &'static str,
        /// The variable's value.
        value: String,
    },
    /// `REQUIRE_GVISOR` is neither true nor false.
    #[error(
        "{REQUIRE_GVISOR}={value:?} is not accepted; say {REQUIRE_GVISOR}=true or {REQUIRE_GVISOR}=false"
    )]
    NoTruth {
        /// The variable's value.
        value: String,
    },
}

/// Determines the environment in which a saved run is judged: the strongest of the recorded one, the variables and the
/// policy file. Only the flag weakens.
pub fn declared_again(
    flag: Option<Environment>,
    file: Option<(Environment, String)>,
    recorded: &Declared,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Declared, EnvironmentRefused> {
    let now = declared(None, file, variable)?;
    if flag.is_none() && now.environment <= recorded.environment {
        let mut declared = recorded.clone();
        let new = now.remarks.into_iter().filter(|remark| !recorded.remarks.contains(remark));
        declared.remarks.extend(new);
        return Ok(declared);
    }
    let strongest = if now.environment > recorded.environment {
        (now.environment, now.source)
    } else {
        (recorded.environment, recorded.source.clone())
    };
    Ok(decided(flag, Some(strongest), now.remarks))
}

/// Determines the environment that a verdict must be for: the stronger of the flag's and the variables'. Nothing weakens it.
pub fn demanded(
    flag: Option<Environment>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Declared, EnvironmentRefused> {
    let by_variables = declared(None, None, variable)?;
    Ok(match flag.filter(|flag| *flag >= by_variables.environment) {
        Some(environment) => Declared { environment, source: Source::Flag(environment), ..by_variables },
        None => by_variables,
    })
}

/// Determines the environment from the flag, the variables and the policy file with its name; `variable` returns the
/// value of a variable.
pub fn declared(
    flag: Option<Environment>,
    file: Option<(Environment, String)>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Declared, EnvironmentRefused> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    // A pipeline that expands a variable of its own which is not defined leaves an empty one.
    let is_empty = |name: &&str| variable(name).is_some_and(|value| value.is_empty());
    let empty = [ENVIRONMENT, REQUIRE_GVISOR, CLUSTER_TYPE].into_iter().filter(is_empty);
    let mut remarks: Vec<_> =
        empty.map(|name| format!("{name} is set and empty, and counts as not set")).collect();
    let mut claims = Vec::new();
    if let Some(value) = set(ENVIRONMENT) {
        match value.as_str() {
            "production" => {
                claims.push((Environment::Production, Source::Variable { name: ENVIRONMENT, value }));
            }
            "staging" => claims.push((Environment::Staging, Source::Variable { name: ENVIRONMENT, value })),
            "development" => {
                claims.push((Environment::Development, Source::Variable { name: ENVIRONMENT, value }));
            }
            _ => remarks.push(unknown(ENVIRONMENT, value, &["production", "staging", "development"])?),
        }
    }
    if let Some(value) = set(REQUIRE_GVISOR)
        && required(&value)?
    {
        claims.push((Environment::Production, Source::Variable { name: REQUIRE_GVISOR, value }));
    }
    if let Some(value) = set(CLUSTER_TYPE) {
        match value.as_str() {
            "production" => {
                claims.push((Environment::Production, Source::Variable { name: CLUSTER_TYPE, value }));
            }
            _ => remarks.push(unknown(CLUSTER_TYPE, value, &["production"])?),
        }
    }
    claims.extend(file.map(|(environment, name)| (environment, Source::PolicyFile(name))));
    // The first of the strongest claims is named as the source.
    let strongest = claims.into_iter().rev().max_by_key(|&(environment, _)| environment);
    Ok(decided(flag, strongest, remarks))
}

fn decided(
    flag: Option<Environment>,
    strongest: Option<(Environment, Source)>,
    mut remarks: Vec<String>,
) -> Declared {
    match (flag, strongest) {
        (Some(environment), Some((stronger, source))) if environment < stronger => {
            remarks.push(format!("--environment {environment} weakens what {source} asks for"));
            Declared { environment, source: Source::Flag(environment), remarks }
        }
        (Some(environment), _) => Declared { environment, source: Source::Flag(environment), remarks },
        (None, Some((environment, source))) => Declared { environment, source, remarks },
        (None, None) => Declared { environment: Environment::Development, source: Source::Default, remarks },
    }
}

fn required(value: &str) -> Result<bool, EnvironmentRefused> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(EnvironmentRefused::NoTruth { value: value.to_owned() }),
    }
}

// === impl Source ===

impl Source {
    /// Returns true if nobody named an environment.
    pub const fn is_default(&self) -> bool {
        matches!(self, Self::Default)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(environment) => write!(formatter, "--environment {environment}"),
            Self::Variable { name, value } => write!(formatter, "{name}={value}"),
            Self::PolicyFile(name) => formatter.write_str(name),
            Self::Default => write!(
                formatter,
                "the default; none of {ENVIRONMENT}, {REQUIRE_GVISOR}, {CLUSTER_TYPE} names another"
            ),
            Self::Recorded(words) => formatter.write_str(words),
        }
    }
}

// === impl Environment ===

impl fmt::Display for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        })
    }
}

#[cfg(test)]
mod tests;
