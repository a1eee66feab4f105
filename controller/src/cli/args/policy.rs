//! How strictly to judge, from the flags, the variables and the policy file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use jiff::civil::Date;

use crate::cli::console::tell;
use crate::{
    case::environment::{self, Declared, Environment, EnvironmentRefused},
    judge::{
        exit::Exit,
        policy::{
            Policy,
            file::{self, Mistake, NAME, Read},
        },
    },
};

/// Names the policy file.
const VARIABLE: &str = "PODPROOF_POLICY";

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// Where the workloads are meant to run [default: what ENVIRONMENT, `REQUIRE_GVISOR` and `K8S_CLUSTER_TYPE` say]
    #[arg(long, value_enum, help_heading = "How to judge")]
    pub(in crate::cli) environment: Option<Environment>,
    /// Judge only what production requires, and enforce it whatever the environment
    #[arg(long, value_enum, value_name = "WHICH", help_heading = "How to judge")]
    pub(in crate::cli) only: Option<Only>,
    /// The policy file [default: `PODPROOF_POLICY`, else podproof.toml if it is there]
    #[arg(long = "policy", value_name = "FILE", help_heading = "How to judge")]
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum Only {
    Production,
}

/// Everything that says how strictly to judge.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Sources {
    environment: Option<Environment>,
    only_production: bool,
    /// The policy file, and its name as seen from its repository.
    pub(in crate::cli) file: Option<(String, Read)>,
    /// What named the file, or that nothing did.
    pub(in crate::cli) found_by: &'static str,
}

/// What cannot be judged by.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum PolicyRefused {
    #[error(transparent)]
    Environment(#[from] EnvironmentRefused),
    #[error("{variable}={text:?} is not accepted: {why}")]
    Variable { variable: &'static str, text: String, why: String },
    #[error("failed to read the policy file {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Mistake(#[from] Mistake),
}

impl PolicyRefused {
    pub(in crate::cli) fn tell(&self) -> Exit {
        let help = match self {
            Self::Environment(_) | Self::Variable { .. } => "correct the variable, or unset it",
            Self::Unreadable { .. } => "--policy takes the path of a podproof.toml",
            Self::Mistake(_) => "`controller schema policy` prints what may stand there",
        };
        tell(self, Some(help));
        Exit::Usage
    }
}

impl Arguments {
    /// Reads the policy file, if there is one.
    pub(in crate::cli) fn sources(&self) -> Result<Sources, PolicyRefused> {
        let (path, found_by) = self.place();
        let file = match path {
            Some(path) => {
                let text = fs::read_to_string(&path)
                    .map_err(|source| PolicyRefused::Unreadable { path: path.clone(), source })?;
                Some((in_repository(&path), file::read(&path.display().to_string(), text)?))
            }
            None => None,
        };
        Ok(Sources { environment: self.environment, only_production: self.only.is_some(), file, found_by })
    }

    /// The file, and what named it.
    fn place(&self) -> (Option<PathBuf>, &'static str) {
        if let Some(path) = &self.file {
            return (Some(path.clone()), "--policy");
        }
        match std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            Some(path) => (Some(PathBuf::from(path)), VARIABLE),
            None if Path::new(NAME).is_file() => (Some(PathBuf::from(NAME)), "found here"),
            None => (None, "no podproof.toml here"),
        }
    }
}

impl Sources {
    /// For a run of now: the flag, the variables and the file say what it is judged for.
    pub(in crate::cli) fn declared(&self) -> Result<Declared, PolicyRefused> {
        let claim = self
            .file
            .as_ref()
            .and_then(|(name, read)| Some((*read.file.environment.as_ref()?.get_ref(), name.clone())));
        Ok(environment::declared(self.environment, claim, variable)?)
    }

    /// For a run of once: what it was judged for then, unless the flag says otherwise.
    pub(in crate::cli) fn declared_again(&self, recorded: &Declared) -> Result<Declared, PolicyRefused> {
        match self.environment {
            None => Ok(recorded.clone()),
            flag => Ok(environment::declared(flag, None, |_| None)?),
        }
    }

    /// The policy for an environment.
    pub(in crate::cli) fn policy(&self, environment: Environment, today: Date) -> Policy {
        let mut policy = Policy { only_production: self.only_production, ..Policy::of(environment) };
        if let Some((name, read)) = &self.file {
            policy.file = Some(name.clone());
            read.amend(&mut policy, today);
        }
        policy
    }
}

/// The path from the top of the repository that the file is in; from this folder, where it is in none.
fn in_repository(path: &Path) -> String {
    let Ok(full) = fs::canonicalize(path) else { return path.display().to_string() };
    let top = full.ancestors().skip(1).find(|folder| folder.join(".git").exists());
    let here = std::env::current_dir().ok().and_then(|folder| fs::canonicalize(folder).ok());
    let seen =
        top.map(Path::to_owned).or(here).and_then(|top| full.strip_prefix(top).ok().map(Path::to_owned));
    let seen = seen.or_else(|| full.file_name().map(PathBuf::from)).unwrap_or_else(|| PathBuf::from(NAME));
    seen.display().to_string()
}

/// A value that is not UTF-8 is no value that is accepted; what is left of it will not be either.
pub(in crate::cli) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
