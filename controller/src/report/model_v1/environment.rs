//! The environment that a run was judged for.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::case::environment;

/// The environment that the judged workloads are meant for.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    /// Most gaps are warnings.
    Development,
    /// Gaps are warnings, and the requirements of production are judged.
    Staging,
    /// Gaps block the verdict.
    Production,
}

/// The environment, and the setting that named it.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Declared {
    /// The environment's name.
    pub environment: Environment,
    /// The flag, variable, file or default that named the environment.
    pub source: String,
    /// Remarks on the choice: a value that means nothing, or a flag that weakens.
    pub remarks: Vec<String>,
}

impl fmt::Display for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        })
    }
}

impl From<environment::Environment> for Environment {
    fn from(environment: environment::Environment) -> Self {
        match environment {
            environment::Environment::Development => Self::Development,
            environment::Environment::Staging => Self::Staging,
            environment::Environment::Production => Self::Production,
        }
    }
}

impl From<&environment::Declared> for Declared {
    fn from(declared: &environment::Declared) -> Self {
        let environment::Declared { environment, source, remarks } = declared;
        Self { environment: (*environment).into(), source: source.to_string(), remarks: remarks.clone() }
    }
}
