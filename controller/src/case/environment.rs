//! The environment of the workloads: development, staging or production, and its source.
//!
//! Production is any of `ENVIRONMENT=production`, `REQUIRE_GVISOR=true` (any case) and `K8S_CLUSTER_TYPE=production`;
//! staging is `ENVIRONMENT=staging`; everything else is development. The strongest of the variables and the policy file
//! wins; only `--environment` may weaken. A value that resembles an accepted one is an error: a misspelt value must
//! never count silently as development.

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

/// Determines the environment from the flag, the variables and the policy file with its name; `variable` returns the
/// value of a variable.
pub fn declared(
    flag: Option<Environment>,
    file: Option<(Environment, String)>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Declared, EnvironmentRefused> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut remarks = Vec::new();
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
mod tests {
    use super::*;

    fn of(flag: Option<Environment>, variables: &[(&str, &str)]) -> Result<Declared, EnvironmentRefused> {
        declared(flag, None, |name| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn each_of_the_three_variables_declares_production() {
        for variable in [
            ("ENVIRONMENT", "production"),
            ("REQUIRE_GVISOR", "true"),
            ("REQUIRE_GVISOR", "TRUE"),
            ("K8S_CLUSTER_TYPE", "production"),
        ] {
            let declared = of(None, &[variable]).unwrap();
            assert_eq!(declared.environment, Environment::Production, "{variable:?}");
            let (name, value) = variable;
            assert_eq!(declared.source, Source::Variable { name, value: value.to_owned() });
            assert_eq!(declared.source.to_string(), format!("{name}={value}"));
        }
    }

    #[test]
    fn the_strongest_variable_wins() {
        let declared = of(None, &[("ENVIRONMENT", "staging"), ("REQUIRE_GVISOR", "True")]).unwrap();
        assert_eq!(declared.environment, Environment::Production);
        let declared = of(None, &[("ENVIRONMENT", "staging"), ("REQUIRE_GVISOR", "false")]).unwrap();
        assert_eq!(declared.environment, Environment::Staging);
    }

    #[test]
    fn the_policy_file_only_strengthens() {
        let of = |file, value: &'static str| {
            let file = Some((file, "podproof.toml".to_owned()));
            declared(None, file, |name| (name == ENVIRONMENT).then(|| value.to_owned())).unwrap()
        };
        let declared = of(Environment::Production, "staging");
        assert_eq!(
            (declared.environment, declared.source),
            (Environment::Production, Source::PolicyFile("podproof.toml".to_owned()))
        );
        let declared = of(Environment::Development, "production");
        assert_eq!(declared.environment, Environment::Production);
    }

    #[test]
    fn without_a_declaration_the_default_is_development() {
        for variables in [&[][..], &[("ENVIRONMENT", ""), ("REQUIRE_GVISOR", "")]] {
            let declared = of(None, variables).unwrap();
            assert_eq!(declared.environment, Environment::Development);
            assert!(declared.source.is_default() && declared.source.to_string().starts_with("the default"));
        }
    }

    #[test]
    fn a_truth_in_other_words_is_refused() {
        for value in ["1", "yes", "on", " true", "ture"] {
            assert_eq!(
                of(None, &[("REQUIRE_GVISOR", value)]),
                Err(EnvironmentRefused::NoTruth { value: value.into() })
            );
        }
    }

    #[test]
    fn an_unknown_value_is_development_with_a_remark() {
        for variable in [("ENVIRONMENT", "qa"), ("K8S_CLUSTER_TYPE", "eks"), ("K8S_CLUSTER_TYPE", "staging")]
        {
            let declared = of(None, &[variable]).unwrap();
            assert_eq!(declared.environment, Environment::Development);
            assert!(declared.remarks[0].contains(variable.1), "{declared:?}");
        }
    }

    #[test]
    fn a_flag_that_weakens_leaves_a_remark() {
        let weakened = of(Some(Environment::Development), &[("ENVIRONMENT", "production")]).unwrap();
        assert_eq!(weakened.environment, Environment::Development);
        assert_eq!(
            weakened.remarks,
            ["--environment development weakens what ENVIRONMENT=production asks for"]
        );
        let strengthened = of(Some(Environment::Production), &[("ENVIRONMENT", "staging")]).unwrap();
        assert_eq!((strengthened.environment, strengthened.remarks.len()), (Environment::Production, 0));
    }

    fn again(
        flag: Option<Environment>,
        recorded: Environment,
        variables: &[(&str, &str)],
    ) -> Result<Declared, EnvironmentRefused> {
        let source = Source::Recorded("the file".to_owned());
        let recorded = Declared { environment: recorded, source, remarks: Vec::new() };
        declared_again(flag, None, &recorded, |name| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_variable_strengthens_the_environment_of_a_saved_run() {
        let declared = again(None, Environment::Development, &[("ENVIRONMENT", "production")]).unwrap();
        assert_eq!(declared.environment, Environment::Production);
        assert_eq!(declared.source.to_string(), "ENVIRONMENT=production");
        assert!(again(None, Environment::Production, &[("ENVIRONMENT", "prd")]).is_err());
    }

    #[test]
    fn the_recorded_environment_stays_unless_something_stronger_is_named() {
        for variables in [&[][..], &[("ENVIRONMENT", "staging")], &[("ENVIRONMENT", "production")]] {
            let declared = again(None, Environment::Production, variables).unwrap();
            assert_eq!(declared.source.to_string(), "the file", "{variables:?}");
            assert_eq!((declared.environment, declared.remarks.len()), (Environment::Production, 0));
        }
    }

    #[test]
    fn a_flag_that_weakens_a_saved_run_leaves_a_remark() {
        let flag = Some(Environment::Development);
        let declared = again(flag, Environment::Production, &[]).unwrap();
        assert_eq!(declared.remarks, ["--environment development weakens what the file asks for"]);
        let declared = again(flag, Environment::Development, &[("REQUIRE_GVISOR", "true")]).unwrap();
        assert_eq!(declared.environment, Environment::Development);
        assert_eq!(declared.remarks, ["--environment development weakens what REQUIRE_GVISOR=true asks for"]);
    }
}
